-- Every table of the skeleton. Constraint and index names follow whyviral.core.database.Base, so that later
-- migrations can name them; enums are text with a check; ids and times are made here, not by the application.

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
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
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
-- At most one subscription gives its user a plan, whatever runs at the same time.
create unique index uq_subscriptions_current_user_id on public.subscriptions (user_id)
  where status in ('ACTIVE', 'TRIAL', 'CANCELING');
create index ix_subscriptions_user_id_created_at on public.subscriptions (user_id, created_at);
create index ix_subscriptions_plan_id on public.subscriptions (plan_id);
create index ix_subscriptions_downgrade_to_plan_id on public.subscriptions (downgrade_to_plan_id);
create index ix_subscriptions_status on public.subscriptions (status);

create table public.platforms (
  id uuid not null default gen_random_uuid(),
  slug text not null,
  name text not null,
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
  raw jsonb,
  fetched_at timestamptz,
  is_stand_in boolean not null default false,
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
  storage_path text,
  supabase_url text,
  uploaded_to_supabase boolean not null default false,
  bytes integer,
  duration_s numeric(10, 3),
  transcript text,
  segments jsonb,
  language text,
  has_speech boolean,
  measurements jsonb,
  error jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_post_media primary key (id),
  constraint uq_post_media_post_id_position unique (post_id, position),
  constraint fk_post_media_post_id foreign key (post_id) references public.posts (id) on delete cascade,
  constraint ck_post_media_kind check (kind in ('image', 'video', 'thumbnail')),
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
  finished_at timestamptz,
  duration_seconds numeric(10, 3),
  total_api_calls integer not null default 0,
  posts_processed integer not null default 0,
  cost_usd numeric(12, 6) not null default 0,
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

create table public.analysis_request_posts (
  id uuid not null default gen_random_uuid(),
  request_id uuid not null,
  position integer not null,
  url text not null,
  platform_post_id text not null,
  post_id uuid,
  state text not null default 'PENDING',
  error_category text,
  error_stage text,
  error text,
  error_details jsonb,
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

create table public.external_api_call_logs (
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now(),
  provider text not null,
  operation text not null,
  started_at timestamptz not null,
  duration_ms integer not null,
  status integer,
  error_category text,
  cost_usd numeric(12, 6),
  model text,
  input_tokens integer,
  output_tokens integer,
  is_stand_in boolean not null,
  analysis_request_id uuid,
  attempt integer,
  post_id uuid,
  user_id uuid,
  constraint pk_external_api_call_logs primary key (id, created_at)
) partition by range (created_at);
create index ix_external_api_call_logs_analysis_request_id on public.external_api_call_logs (analysis_request_id);
create index ix_external_api_call_logs_provider_created_at on public.external_api_call_logs (provider, created_at);
