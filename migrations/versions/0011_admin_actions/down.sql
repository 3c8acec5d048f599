drop table public.admin_actions;
