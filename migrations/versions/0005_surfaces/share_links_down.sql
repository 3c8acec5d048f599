drop table public.share_links;
