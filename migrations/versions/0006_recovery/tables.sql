-- A row is written before a paid call is made, and has no duration until its end is known.
alter table public.external_api_call_logs
  add column step text,
  add column reserved_usd numeric(12, 6),
  add column job_id text,
  -- The previous release reads such rows in the admin's list only, and none are written before this one runs.
  -- squawk-ignore ban-drop-not-null
  alter column duration_ms drop not null;
-- No row has one yet; in one transaction with the rest, as all of Alembic's.
-- squawk-ignore require-concurrent-index-creation
create index ix_external_api_call_logs_job_id on public.external_api_call_logs (job_id) where job_id is not null;

alter table public.post_analysis_requests
  add column reserved_usd numeric(12, 6) not null default 0,
  add column attempt_started_at timestamptz not null default now();
-- In one transaction with the rest, as all of Alembic's; few rows are unfinished.
-- squawk-ignore require-concurrent-index-creation
create index ix_post_analysis_requests_unfinished on public.post_analysis_requests (attempt_started_at)
  where status in ('PENDING', 'PROCESSING');

alter table public.analysis_request_posts
  add column is_partial boolean not null default false,
  add column asked_until timestamptz;

alter table public.analysis_status_history add column stage_cost_usd numeric(12, 6);

alter table public.post_media
  add column claimed_by uuid,
  add column claimed_until timestamptz;

create table public.provider_limits (
  id uuid not null default gen_random_uuid(),
  provider text not null,
  key_hash text not null,
  next_slot_at timestamptz,
  cooldown_until timestamptz,
  failures timestamptz[] not null default '{}',
  opened_at timestamptz,
  probe_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_provider_limits primary key (id),
  constraint uq_provider_limits_provider_key_hash unique (provider, key_hash)
);

create table public.daily_spend (
  id uuid not null default gen_random_uuid(),
  day date not null,
  spent_usd numeric(14, 6) not null default 0,
  reserved_usd numeric(14, 6) not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_daily_spend primary key (id),
  constraint uq_daily_spend_day unique (day)
);
