alter table public.posts
  add column details jsonb not null default '{}'::jsonb,
  add column scrape_job jsonb;

alter table public.analysis_request_posts add column path_word text;

alter table public.post_media
  add column is_page boolean not null default false,
  add column content_type text,
  add column width integer,
  add column height integer,
  add column thumbnail_path text,
  add column thumbnail_url text,
  add column frames jsonb,
  add column transcript_source text,
  add column transcript_truncated boolean not null default false,
  add column processed_at timestamptz,
  -- No row can break it: the column is new.
  -- squawk-ignore constraint-missing-not-valid
  add constraint ck_post_media_transcript_source check (
    transcript_source in ('captions', 'automatic_captions', 'whisper')
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
