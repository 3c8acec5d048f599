alter table public.external_api_call_logs drop column chat_message_id;
drop table public.chat_message_chunks, public.chat_messages, public.chat_sessions;
