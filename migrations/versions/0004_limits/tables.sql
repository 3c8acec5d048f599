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

create table public.rate_windows (
  id uuid not null default gen_random_uuid(),
  scope text not null,
  subject text not null,
  hits timestamptz[] not null,
  was_allowed boolean not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
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
