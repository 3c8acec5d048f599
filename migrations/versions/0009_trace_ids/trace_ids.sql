-- The request_id of the API call that admitted the current attempt.
alter table public.post_analysis_requests add column trace_id text;
-- The request_id of the API call that caused the vendor call. The column reaches every partition.
alter table public.external_api_call_logs add column trace_id text;
-- A partitioned table allows no concurrent creation.
-- squawk-ignore require-concurrent-index-creation
create index ix_external_api_call_logs_trace_id on public.external_api_call_logs (trace_id)
  where trace_id is not null;
