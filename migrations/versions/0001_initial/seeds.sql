insert into public.platforms (slug, name) values
  ('instagram', 'Instagram'),
  ('x', 'X'),
  ('youtube', 'YouTube');

insert into public.plans
  (slug, name, max_urls, max_analyses_per_day, max_questions_per_day, max_handles, price_cents, interval)
values
  ('free', 'Free', 5, 10, 10, 1, 0, 'month'),
  ('pro', 'Pro', 20, 100, 100, 10, 1900, 'month'),
  ('business', 'Business', 50, 500, 500, 50, 4900, 'month');
