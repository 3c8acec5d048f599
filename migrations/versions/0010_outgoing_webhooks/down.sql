drop table public.outgoing_deliveries;
drop table public.outgoing_endpoints;
