drop table public.idempotency_keys, public.rate_windows, public.usage_reservations, public.user_usage;
