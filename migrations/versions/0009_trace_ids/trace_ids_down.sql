alter table public.external_api_call_logs drop column trace_id;
alter table public.post_analysis_requests drop column trace_id;
