drop table public.suggestions;
