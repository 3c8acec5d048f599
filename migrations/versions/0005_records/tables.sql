create table public.api_access_logs (
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now(),
  request_id text not null,
  method text not null,
  route text,
  status integer not null,
  response_time_ms integer not null,
  error_code text,
  user_id uuid,
  address text,
  user_agent text,
  constraint pk_api_access_logs primary key (id, created_at)
) partition by range (created_at);
create index ix_api_access_logs_created_at on public.api_access_logs (created_at);
create index ix_api_access_logs_user_id_created_at on public.api_access_logs (user_id, created_at);

create table public.app_logs (
  id uuid not null default gen_random_uuid(),
  category text not null,
  event text not null,
  user_id uuid,
  analysis_request_id uuid,
  details jsonb not null default '{}'::jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_app_logs primary key (id),
  constraint ck_app_logs_category check (category in ('AUTH', 'SCRAPE', 'API', 'ANALYSIS', 'BILLING', 'SYSTEM'))
);
create index ix_app_logs_created_at on public.app_logs (created_at);
create index ix_app_logs_user_id_created_at on public.app_logs (user_id, created_at);
create index ix_app_logs_analysis_request_id on public.app_logs (analysis_request_id);

create table public.job_runs (
  id uuid not null default gen_random_uuid(),
  job text not null,
  due_at timestamptz not null,
  state text not null default 'RUNNING',
  attempts integer not null default 1,
  leased_until timestamptz not null,
  finished_at timestamptz,
  results jsonb,
  error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_job_runs primary key (id),
  constraint uq_job_runs_job_due_at unique (job, due_at),
  constraint ck_job_runs_state check (state in ('RUNNING', 'SUCCEEDED', 'FAILED'))
);

create table public.feedback (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  category text not null,
  text text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_feedback primary key (id),
  constraint fk_feedback_user_id foreign key (user_id) references public.users (id) on delete cascade,
  constraint ck_feedback_category check (category in ('bug', 'idea', 'question', 'praise', 'other')),
  constraint ck_feedback_text_is_bounded check (char_length(text) between 1 and 5000)
);
create index ix_feedback_user_id_created_at on public.feedback (user_id, created_at);
