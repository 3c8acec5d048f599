-- Notes: at most one of each user about each analysis.

create table public.analysis_notes (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  post_analysis_id uuid not null,
  title text not null,
  content text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_analysis_notes primary key (id),
  constraint uq_analysis_notes_user_id_post_analysis_id unique (user_id, post_analysis_id),
  constraint fk_analysis_notes_user_id foreign key (user_id) references public.users (id) on delete cascade,
  constraint fk_analysis_notes_post_analysis_id
    foreign key (post_analysis_id) references public.post_analyses (id) on delete cascade,
  constraint ck_analysis_notes_title_is_bounded check (char_length(title) between 1 and 200),
  constraint ck_analysis_notes_content_is_bounded check (char_length(content) <= 20000)
);
create index ix_analysis_notes_post_analysis_id on public.analysis_notes (post_analysis_id);
create index ix_analysis_notes_user_id_updated_at on public.analysis_notes (user_id, updated_at);

select private.protect('public.analysis_notes');

do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  grant select (
    id, post_analysis_id, title, content, created_at, updated_at
  ) on public.analysis_notes to authenticated;
  create policy owner_reads on public.analysis_notes for select to authenticated
    using (user_id = (select private.current_user_id()));
end
$browser$;
