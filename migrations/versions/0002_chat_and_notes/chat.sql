-- Chat: one session of each user about each analysis, its messages, and the pieces of answers that are being written.

create table public.chat_sessions (
  id uuid not null default gen_random_uuid(),
  post_analysis_id uuid not null,
  user_id uuid not null,
  message_seq integer not null default 0,
  last_active_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_chat_sessions primary key (id),
  constraint uq_chat_sessions_post_analysis_id_user_id unique (post_analysis_id, user_id),
  constraint fk_chat_sessions_post_analysis_id
    foreign key (post_analysis_id) references public.post_analyses (id) on delete cascade,
  constraint fk_chat_sessions_user_id foreign key (user_id) references public.users (id) on delete cascade
);
create index ix_chat_sessions_user_id_last_active_at on public.chat_sessions (user_id, last_active_at);

create table public.chat_messages (
  id uuid not null default gen_random_uuid(),
  session_id uuid not null,
  seq integer not null,
  role text not null,
  status text not null,
  content text not null default '',
  client_message_id text,
  error_category text,
  error text,
  provider text,
  model text,
  prompt_version text,
  input_tokens integer,
  output_tokens integer,
  cost_usd numeric(12, 6) not null default 0,
  reserved_usd numeric(12, 6) not null default 0,
  is_stand_in boolean not null default false,
  metadata_used jsonb,
  platform text,
  usage_date date,
  is_counted boolean not null default false,
  lease_owner uuid,
  lease_until timestamptz,
  watched_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_chat_messages primary key (id),
  constraint uq_chat_messages_session_id_seq unique (session_id, seq),
  constraint fk_chat_messages_session_id
    foreign key (session_id) references public.chat_sessions (id) on delete cascade,
  constraint fk_chat_messages_platform foreign key (platform) references public.platforms (slug),
  constraint ck_chat_messages_role check (role in ('user', 'assistant')),
  constraint ck_chat_messages_status check (status in ('generating', 'complete', 'partial', 'failed')),
  constraint ck_chat_messages_error_category check (
    error_category in (
      'rate_limit', 'auth', 'not_found', 'private', 'removed', 'timeout', 'provider_error', 'invalid_url',
      'unsupported', 'media_error', 'ai_error', 'internal'
    )
  ),
  constraint ck_chat_messages_content_is_bounded check (char_length(content) <= 100000),
  constraint ck_chat_messages_client_message_id_is_bounded check (char_length(client_message_id) between 1 and 255),
  constraint ck_chat_messages_generating_has_lease check (
    status <> 'generating' or (lease_owner is not null and lease_until is not null)
  )
);
create unique index uq_chat_messages_session_id_client_message_id
  on public.chat_messages (session_id, client_message_id) where client_message_id is not null;
-- At most one answer of a session is being written, also under concurrent transactions.
create unique index uq_chat_messages_generating_session_id on public.chat_messages (session_id)
  where status = 'generating';
create index ix_chat_messages_lease_until on public.chat_messages (lease_until) where status = 'generating';
create index ix_chat_messages_platform on public.chat_messages (platform);
create index ix_chat_messages_status_created_at on public.chat_messages (status, created_at);

create table public.chat_message_chunks (
  id uuid not null default gen_random_uuid(),
  message_id uuid not null,
  first_seq integer not null,
  pieces text[] not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_chat_message_chunks primary key (id),
  constraint uq_chat_message_chunks_message_id_first_seq unique (message_id, first_seq),
  constraint fk_chat_message_chunks_message_id
    foreign key (message_id) references public.chat_messages (id) on delete cascade
);
create index ix_chat_message_chunks_created_at on public.chat_message_chunks (created_at);

-- The log outlives the rows it names, so there is no foreign key.
alter table public.external_api_call_logs add column chat_message_id uuid;
-- A partitioned table allows no concurrent creation.
-- squawk-ignore require-concurrent-index-creation
create index ix_external_api_call_logs_chat_message_id on public.external_api_call_logs (chat_message_id)
  where chat_message_id is not null;

select private.protect(new_table) from unnest(array[
  'public.chat_sessions', 'public.chat_messages', 'public.chat_message_chunks'
]::regclass[]) as new_table;

do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  grant select (
    id, post_analysis_id, last_active_at, created_at
  ) on public.chat_sessions to authenticated;
  grant select (
    id, session_id, seq, role, status, content, client_message_id, error_category, error, model, input_tokens,
    output_tokens, cost_usd, is_stand_in, created_at, finished_at
  ) on public.chat_messages to authenticated;
  create policy owner_reads on public.chat_sessions for select to authenticated
    using (user_id = (select private.current_user_id()));
  -- Policies also apply inside policies: this sub-select finds only the reader's sessions.
  create policy owner_reads on public.chat_messages for select to authenticated
    using (exists (select from public.chat_sessions as session where session.id = session_id));
end
$browser$;
