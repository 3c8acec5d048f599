-- Every table. Constraint and index names follow whyviral.core.database.Base, so that later migrations can name them;
-- enums are text with a check; ids and times are set by the database, not by the application.

-- Accounts

create table public.users (
  id uuid not null default gen_random_uuid(),
  clerk_user_id text not null,
  email text,
  full_name text,
  company_name text,
  profile_image text,
  email_verified boolean not null default false,
  is_admin boolean not null default false,
  deleted_at timestamptz,
  clerk_updated_at timestamptz,
  is_named_here boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  phone_or_wallet_verified boolean not null default false,
  constraint pk_users primary key (id),
  constraint uq_users_clerk_user_id unique (clerk_user_id)
);
create index ix_users_email on public.users (email);
create index ix_users_created_at on public.users (created_at);

create table public.plans (
  id uuid not null default gen_random_uuid(),
  slug text not null,
  name text not null,
  max_handles integer not null,
  max_urls integer not null,
  max_analyses_per_day integer not null,
  max_questions_per_day integer not null,
  price_cents integer not null,
  interval text not null default 'month',
  provider_product_id text,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_plans primary key (id),
  constraint uq_plans_slug unique (slug),
  constraint ck_plans_interval check (interval in ('month')),
  constraint ck_plans_not_negative check (
    max_handles >= 0 and max_urls >= 0 and max_analyses_per_day >= 0
    and max_questions_per_day >= 0 and price_cents >= 0
  )
);

create table public.subscriptions (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  plan_id uuid not null,
  status text not null default 'PENDING',
  provider text,
  provider_customer_id text,
  provider_subscription_id text,
  current_period_start timestamptz,
  current_period_end timestamptz,
  downgrade_to_plan_id uuid,
  downgrade_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_subscriptions primary key (id),
  constraint uq_subscriptions_provider_subscription_id unique (provider_subscription_id),
  constraint fk_subscriptions_user_id foreign key (user_id) references public.users (id),
  constraint fk_subscriptions_plan_id foreign key (plan_id) references public.plans (id),
  constraint fk_subscriptions_downgrade_to_plan_id foreign key (downgrade_to_plan_id) references public.plans (id),
  constraint ck_subscriptions_status check (
    status in ('ACTIVE', 'PENDING', 'TRIAL', 'FAILED', 'CANCELING', 'CANCELLED', 'EXPIRED')
  ),
  constraint ck_subscriptions_provider check (provider in ('STRIPE', 'DODO'))
);
-- At most one subscription per user is current, also under concurrent transactions.
create unique index uq_subscriptions_current_user_id on public.subscriptions (user_id)
  where status in ('ACTIVE', 'TRIAL', 'CANCELING');
create index ix_subscriptions_user_id_created_at on public.subscriptions (user_id, created_at);
create index ix_subscriptions_plan_id on public.subscriptions (plan_id);
create index ix_subscriptions_downgrade_to_plan_id on public.subscriptions (downgrade_to_plan_id);
create index ix_subscriptions_status on public.subscriptions (status);

create table public.revoked_sessions (
  id uuid not null default gen_random_uuid(),
  session_id text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_revoked_sessions primary key (id),
  constraint uq_revoked_sessions_session_id unique (session_id),
  constraint ck_revoked_sessions_reason check (reason in ('signed_out', 'ended', 'removed', 'revoked'))
);
create index ix_revoked_sessions_created_at on public.revoked_sessions (created_at);

create table public.email_verifications (
  id uuid not null default gen_random_uuid(),
  email_hash text not null,
  purpose text not null,
  clerk_user_id text not null,
  email_address_id text not null,
  verification_id text not null,
  expires_at timestamptz not null,
  proven_code_hash text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_email_verifications primary key (id),
  constraint uq_email_verifications_email_hash_purpose unique (email_hash, purpose),
  constraint ck_email_verifications_purpose check (purpose in ('sign_up', 'password_reset'))
);
create index ix_email_verifications_clerk_user_id on public.email_verifications (clerk_user_id);
create index ix_email_verifications_expires_at on public.email_verifications (expires_at);

-- Social: public posts, fetched once and shared by every request for them

create table public.platforms (
  id uuid not null default gen_random_uuid(),
  slug text not null,
  name text not null,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_platforms primary key (id),
  constraint uq_platforms_slug unique (slug)
);

create table public.posts (
  id uuid not null default gen_random_uuid(),
  platform text not null,
  platform_post_id text not null,
  url text not null,
  username text,
  author jsonb,
  content text,
  language text,
  posted_at timestamptz,
  metrics jsonb not null default '{}'::jsonb,
  engagement_score numeric(12, 6),
  transcript text,
  formatted_transcript text,
  details jsonb not null default '{}'::jsonb,
  raw jsonb,
  fetched_at timestamptz,
  is_stand_in boolean not null default false,
  scrape_job jsonb,
  claimed_by uuid,
  claimed_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_posts primary key (id),
  constraint uq_posts_platform_platform_post_id unique (platform, platform_post_id),
  constraint fk_posts_platform foreign key (platform) references public.platforms (slug)
);
create index ix_posts_created_at on public.posts (created_at);
create index ix_posts_claimed_by on public.posts (claimed_by);

create table public.post_media (
  id uuid not null default gen_random_uuid(),
  post_id uuid not null,
  position integer not null,
  kind text not null,
  source_url text not null,
  is_page boolean not null default false,
  content_type text,
  storage_path text,
  supabase_url text,
  uploaded_to_supabase boolean not null default false,
  bytes integer,
  duration_s numeric(10, 3),
  width integer,
  height integer,
  thumbnail_path text,
  thumbnail_url text,
  frames jsonb,
  transcript text,
  segments jsonb,
  transcript_source text,
  transcript_truncated boolean not null default false,
  language text,
  has_speech boolean,
  measurements jsonb,
  processed_at timestamptz,
  claimed_by uuid,
  claimed_until timestamptz,
  error jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_post_media primary key (id),
  constraint uq_post_media_post_id_position unique (post_id, position),
  constraint fk_post_media_post_id foreign key (post_id) references public.posts (id) on delete cascade,
  constraint ck_post_media_kind check (kind in ('image', 'video', 'thumbnail')),
  constraint ck_post_media_transcript_source check (
    transcript_source in ('captions', 'automatic_captions', 'whisper')
  ),
  constraint ck_post_media_bytes_not_negative check (bytes >= 0)
);

create table public.post_comments (
  id uuid not null default gen_random_uuid(),
  post_id uuid not null,
  comments jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_post_comments primary key (id),
  constraint uq_post_comments_post_id unique (post_id),
  constraint fk_post_comments_post_id foreign key (post_id) references public.posts (id) on delete cascade
);

create table public.user_post_activity (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  post_id uuid not null,
  activity text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_user_post_activity primary key (id),
  constraint uq_user_post_activity_user_id_post_id_activity unique (user_id, post_id, activity),
  constraint fk_user_post_activity_user_id foreign key (user_id) references public.users (id) on delete cascade,
  constraint fk_user_post_activity_post_id foreign key (post_id) references public.posts (id) on delete cascade,
  constraint ck_user_post_activity_activity check (activity in ('analysed', 'viewed', 'chatted', 'noted'))
);
create index ix_user_post_activity_post_id on public.user_post_activity (post_id);

-- Analysis

create table public.post_analysis_requests (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  platform text not null,
  post_urls text[] not null,
  display_name text,
  status text not null default 'PENDING',
  attempt integer not null default 1,
  status_seq integer not null default 0,
  progress integer not null default 0,
  results jsonb,
  error_stage text,
  error_category text,
  error_details jsonb,
  retry_count integer not null default 0,
  max_retries integer not null default 3,
  started_at timestamptz,
  attempt_started_at timestamptz not null default now(),
  finished_at timestamptz,
  duration_seconds numeric(10, 3),
  total_api_calls integer not null default 0,
  posts_processed integer not null default 0,
  cost_usd numeric(12, 6) not null default 0,
  reserved_usd numeric(12, 6) not null default 0,
  execution_arn text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_post_analysis_requests primary key (id),
  constraint fk_post_analysis_requests_user_id foreign key (user_id) references public.users (id),
  constraint fk_post_analysis_requests_platform foreign key (platform) references public.platforms (slug),
  constraint ck_post_analysis_requests_status check (status in ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),
  constraint ck_post_analysis_requests_error_stage check (
    error_stage in (
      'request_created', 'fetching_posts', 'social_data_fetched', 'collecting_media', 'transcribing',
      'displaying_content', 'analysing', 'analysis_complete', 'error', 'retrying', 'partial_success'
    )
  ),
  constraint ck_post_analysis_requests_error_category check (
    error_category in (
      'rate_limit', 'auth', 'not_found', 'private', 'removed', 'timeout', 'provider_error', 'invalid_url',
      'unsupported', 'media_error', 'ai_error', 'internal'
    )
  ),
  constraint ck_post_analysis_requests_progress_is_percent check (progress between 0 and 100),
  constraint ck_post_analysis_requests_retries_within_limit check (retry_count between 0 and max_retries)
);
create index ix_post_analysis_requests_user_id_created_at on public.post_analysis_requests (user_id, created_at);
create index ix_post_analysis_requests_status_created_at on public.post_analysis_requests (status, created_at);
create index ix_post_analysis_requests_platform on public.post_analysis_requests (platform);
create index ix_post_analysis_requests_unfinished on public.post_analysis_requests (attempt_started_at)
  where status in ('PENDING', 'PROCESSING');

create table public.analysis_request_posts (
  id uuid not null default gen_random_uuid(),
  request_id uuid not null,
  position integer not null,
  url text not null,
  platform_post_id text not null,
  path_word text,
  post_id uuid,
  state text not null default 'PENDING',
  error_category text,
  error_stage text,
  error text,
  error_details jsonb,
  is_partial boolean not null default false,
  asked_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_analysis_request_posts primary key (id),
  constraint uq_analysis_request_posts_request_id_platform_post_id unique (request_id, platform_post_id),
  constraint uq_analysis_request_posts_request_id_position unique (request_id, position),
  constraint fk_analysis_request_posts_request_id
    foreign key (request_id) references public.post_analysis_requests (id) on delete cascade,
  constraint fk_analysis_request_posts_post_id foreign key (post_id) references public.posts (id),
  constraint ck_analysis_request_posts_state check (
    state in ('PENDING', 'FETCHED', 'COLLECTED', 'ANALYSED', 'FAILED')
  ),
  constraint ck_analysis_request_posts_error_category check (
    error_category in (
      'rate_limit', 'auth', 'not_found', 'private', 'removed', 'timeout', 'provider_error', 'invalid_url',
      'unsupported', 'media_error', 'ai_error', 'internal'
    )
  ),
  constraint ck_analysis_request_posts_error_stage check (
    error_stage in (
      'request_created', 'fetching_posts', 'social_data_fetched', 'collecting_media', 'transcribing',
      'displaying_content', 'analysing', 'analysis_complete', 'error', 'retrying', 'partial_success'
    )
  )
);
create index ix_analysis_request_posts_post_id on public.analysis_request_posts (post_id);

create table public.post_analyses (
  id uuid not null default gen_random_uuid(),
  request_id uuid not null,
  post_id uuid not null,
  metrics jsonb not null,
  is_viral boolean not null,
  virality_reasoning text not null,
  quick_takeaways jsonb not null,
  creator_context text not null,
  content_observation jsonb not null,
  replicable_elements jsonb not null,
  viral_formula text not null,
  improvements jsonb not null,
  suggestions_for_future_posts jsonb not null,
  analysis_data jsonb not null,
  metadata_used jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_post_analyses primary key (id),
  constraint uq_post_analyses_request_id_post_id unique (request_id, post_id),
  constraint fk_post_analyses_request_id
    foreign key (request_id) references public.post_analysis_requests (id) on delete cascade,
  constraint fk_post_analyses_post_id foreign key (post_id) references public.posts (id)
);
create index ix_post_analyses_post_id on public.post_analyses (post_id);

create table public.analysis_status_history (
  id uuid not null default gen_random_uuid(),
  request_id uuid not null,
  seq integer not null,
  attempt integer not null,
  stage text not null,
  progress integer not null,
  message text not null,
  cost_usd numeric(12, 6),
  stage_cost_usd numeric(12, 6),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_analysis_status_history primary key (id),
  constraint uq_analysis_status_history_request_id_seq unique (request_id, seq),
  constraint fk_analysis_status_history_request_id
    foreign key (request_id) references public.post_analysis_requests (id) on delete cascade,
  constraint ck_analysis_status_history_stage check (
    stage in (
      'request_created', 'fetching_posts', 'social_data_fetched', 'collecting_media', 'transcribing',
      'displaying_content', 'analysing', 'analysis_complete', 'error', 'retrying', 'partial_success'
    )
  ),
  constraint ck_analysis_status_history_progress_is_percent check (progress between 0 and 100)
);

-- Throttling and usage

create table public.rate_windows (
  id uuid not null default gen_random_uuid(),
  scope text not null,
  subject text not null,
  hits timestamptz[] not null,
  was_allowed boolean not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  refusals integer not null default 0,
  refused_since timestamptz,
  constraint pk_rate_windows primary key (id),
  constraint uq_rate_windows_scope_subject unique (scope, subject),
  constraint ck_rate_windows_subject_is_bounded check (char_length(subject) between 1 and 320)
);
create index ix_rate_windows_expires_at on public.rate_windows (expires_at);

create table public.idempotency_keys (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  key text not null,
  fingerprint text not null,
  lease uuid not null,
  leased_until timestamptz not null,
  status_code integer,
  answer text,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_idempotency_keys primary key (id),
  constraint uq_idempotency_keys_user_id_key unique (user_id, key),
  constraint fk_idempotency_keys_user_id foreign key (user_id) references public.users (id) on delete cascade,
  constraint ck_idempotency_keys_key_is_bounded check (char_length(key) between 1 and 255),
  constraint ck_idempotency_keys_answer_is_whole check ((status_code is null) = (answer is null))
);
create index ix_idempotency_keys_expires_at on public.idempotency_keys (expires_at);

create table public.user_usage (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  usage_date date not null,
  platform text not null,
  handle_analyses integer not null default 0,
  url_lookups integer not null default 0,
  post_suggestions integer not null default 0,
  questions_asked integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_user_usage primary key (id),
  constraint uq_user_usage_user_id_usage_date_platform unique (user_id, usage_date, platform),
  constraint fk_user_usage_user_id foreign key (user_id) references public.users (id) on delete cascade,
  constraint fk_user_usage_platform foreign key (platform) references public.platforms (slug),
  constraint ck_user_usage_not_negative check (
    handle_analyses >= 0 and url_lookups >= 0 and post_suggestions >= 0 and questions_asked >= 0
  )
);
create index ix_user_usage_platform on public.user_usage (platform);

create table public.usage_reservations (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  request_id uuid not null,
  platform text not null,
  url text not null,
  usage_date date not null,
  state text not null default 'held',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_usage_reservations primary key (id),
  constraint uq_usage_reservations_request_id_url unique (request_id, url),
  constraint fk_usage_reservations_user_id foreign key (user_id) references public.users (id) on delete cascade,
  constraint fk_usage_reservations_request_id foreign key (request_id)
    references public.post_analysis_requests (id) on delete cascade,
  constraint fk_usage_reservations_platform foreign key (platform) references public.platforms (slug),
  constraint ck_usage_reservations_state check (state in ('held', 'charged', 'returned'))
);
create index ix_usage_reservations_user_id_usage_date on public.usage_reservations (user_id, usage_date);
create index ix_usage_reservations_platform on public.usage_reservations (platform);

-- Webhooks and jobs

create table public.webhook_events (
  id uuid not null default gen_random_uuid(),
  provider text not null,
  event_id text not null,
  type text not null,
  subject_id text,
  occurred_at timestamptz,
  payload jsonb,
  state text not null default 'RECEIVED',
  attempts integer not null default 0,
  error text,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_webhook_events primary key (id),
  constraint uq_webhook_events_provider_event_id unique (provider, event_id),
  constraint ck_webhook_events_provider check (provider in ('clerk', 'dodo')),
  constraint ck_webhook_events_state check (state in ('RECEIVED', 'PROCESSED', 'IGNORED', 'FAILED'))
);
create index ix_webhook_events_provider_subject_id on public.webhook_events (provider, subject_id);
create index ix_webhook_events_state_created_at on public.webhook_events (state, created_at);

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

-- Calls to vendors

create table public.external_api_call_logs (
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now(),
  provider text not null,
  operation text not null,
  started_at timestamptz not null,
  duration_ms integer,
  status integer,
  error_category text,
  cost_usd numeric(12, 6),
  reserved_usd numeric(12, 6),
  job_id text,
  model text,
  input_tokens integer,
  output_tokens integer,
  is_stand_in boolean not null,
  analysis_request_id uuid,
  attempt integer,
  step text,
  post_id uuid,
  user_id uuid,
  constraint pk_external_api_call_logs primary key (id, created_at)
) partition by range (created_at);
create index ix_external_api_call_logs_analysis_request_id on public.external_api_call_logs (analysis_request_id);
create index ix_external_api_call_logs_provider_created_at on public.external_api_call_logs (provider, created_at);
create index ix_external_api_call_logs_job_id on public.external_api_call_logs (job_id) where job_id is not null;

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

-- Analytics

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

create table public.authentication_logs (
  id uuid not null default gen_random_uuid(),
  event text not null,
  outcome text not null,
  reason text,
  user_id uuid,
  email_hash text,
  session_id text,
  actor text,
  address text,
  user_agent text,
  request_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_authentication_logs primary key (id),
  constraint ck_authentication_logs_event check (
    event in (
      'sign_up', 'sign_up_verify', 'sign_in', 'sign_out', 'password_reset', 'password_reset_confirm',
      'impersonation', 'session_end', 'account_delete'
    )
  ),
  constraint ck_authentication_logs_outcome check (outcome in ('succeeded', 'refused', 'failed'))
);
create index ix_authentication_logs_created_at on public.authentication_logs (created_at);
create index ix_authentication_logs_user_id_created_at on public.authentication_logs (user_id, created_at);
create index ix_authentication_logs_email_hash_created_at on public.authentication_logs (email_hash, created_at);
-- A session in which another person acts for its user is recorded once, not at each of its requests.
create unique index uq_authentication_logs_impersonation on public.authentication_logs (session_id)
  where event = 'impersonation';

create table public.app_logs (
  id uuid not null default gen_random_uuid(),
  category text not null,
  level text not null default 'INFO',
  event text not null,
  user_id uuid,
  analysis_request_id uuid,
  details jsonb not null default '{}'::jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_app_logs primary key (id),
  constraint ck_app_logs_category check (category in ('AUTH', 'SCRAPE', 'API', 'ANALYSIS', 'BILLING', 'SYSTEM')),
  constraint ck_app_logs_level check (level in ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'))
);
create index ix_app_logs_created_at on public.app_logs (created_at);
create index ix_app_logs_user_id_created_at on public.app_logs (user_id, created_at);
create index ix_app_logs_analysis_request_id on public.app_logs (analysis_request_id);

-- Feedback

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
