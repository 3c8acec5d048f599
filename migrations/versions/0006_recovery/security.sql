-- None of it is for browsers.
select private.protect(new_table) from unnest(array[
  'public.provider_limits', 'public.daily_spend'
]::regclass[]) as new_table;
