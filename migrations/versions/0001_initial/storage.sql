-- The public bucket of media, if Supabase Storage exists. Its files are copies of public posts, of the types that
-- functions/media may store. The project's own limit on file size applies as well.
do $bucket$
begin
  if to_regclass('storage.buckets') is null then
    return; -- not Supabase
  end if;
  insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
  values (
    'whyviral-media', 'whyviral-media', true, 262144000,
    array[
      'image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/heic', 'image/avif',
      'video/mp4', 'video/quicktime', 'video/webm', 'audio/mp4', 'audio/mpeg', 'audio/webm'
    ]
  )
  on conflict (id) do update set
    public = excluded.public, file_size_limit = excluded.file_size_limit,
    allowed_mime_types = excluded.allowed_mime_types;
end
$bucket$;
