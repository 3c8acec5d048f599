-- None of it is for browsers: feedback is written through the API only.
select private.protect(new_table) from unnest(array[
  'public.api_access_logs', 'public.app_logs', 'public.job_runs', 'public.feedback'
]::regclass[]) as new_table;
