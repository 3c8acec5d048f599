// The conversation about one analysis. Answers stream; a cut stream is resumed where it stopped.
import { get, newKey, pause, post, readEvents } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { Cited } from "../report/cited.js";
import { texts } from "../texts.js";

const SESSIONS = "api/analysis/chat/sessions/";
const RESUME_AFTER_MS = 1000;
const MAX_RESUMES = 5;

export function Chat({ analysisId, sources, onSeek }) {
  const { data, error, reload } = useData((signal) => openSession(analysisId, signal), [analysisId]);
  return html`<section class="panel chat">
    <h2>${texts.chat.title}</h2>
    <${Failure} error=${error} onRetry=${reload} />
    ${!data && !error && html`<${Loading} lines=${2} />`}
    ${data && html`<${Conversation} key=${data.id} session=${data} sources=${sources} onSeek=${onSeek} />`}
  </section>`;
}

async function openSession(analysisId, signal) {
  const session = await post(SESSIONS, { post_analysis_id: analysisId }, { signal });
  const detail = await get(`${SESSIONS}${session.id}/`, { signal });
  return { id: session.id, messages: [...detail.messages.results].reverse(), hasOlder: detail.messages.next !== null };
}

function Conversation({ session, sources, onSeek }) {
  const [messages, setMessages] = useState(session.messages);
  const [older, setOlder] = useState({ page: 1, hasMore: session.hasOlder });
  const [draft, setDraft] = useState("");
  const [state, setState] = useState({});
  const list = useRef();
  const stopped = useRef(new AbortController());

  const put = (message) => setMessages((before) => [...before.filter((one) => one.id !== message.id), message]);
  const grow = (id, text) => setMessages((before) => before.map((one) => (one.id === id ? { ...one, content: one.content + text } : one)));

  useEffect(() => {
    const last = session.messages.at(-1);
    if (last?.role === "assistant" && last.status === "generating") resume(last);
    return () => stopped.current.abort();
  }, []);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [messages]);

  const receive = (id) => (name, data) => {
    if (name === "token") grow(id, data.text);
    if (name === "done") setMessages((before) => before.map((one) => (one.id === id ? data.message : one)));
    if (name === "error") throw Object.assign(new Error(data.error), { event: data });
  };

  async function ask(text) {
    const content = text.trim();
    if (!content || state.isWriting) return;
    const clientMessageId = newKey();
    const answer = { id: `answer-${clientMessageId}`, role: "assistant", status: "generating", content: "" };
    put({ id: clientMessageId, role: "user", content });
    put(answer);
    setDraft("");
    setState({ isWriting: true });
    try {
      await readEvents("POST", `${SESSIONS}${session.id}/messages/stream/`, {
        body: { content, client_message_id: clientMessageId }, key: clientMessageId, signal: stopped.current.signal, onEvent: receive(answer.id),
      });
      setState({});
    } catch (error) {
      if (error.name !== "AbortError") await recover(error, { answer, clientMessageId, content });
    }
  }

  /** After a refusal nothing was asked. After a cut stream the answer is still being written, or has been saved. */
  async function recover(error, { answer, clientMessageId, content }) {
    if (error.status >= 400 || error.event) {
      setMessages((before) => before.filter((one) => one.id !== answer.id && (error.event || one.id !== clientMessageId)));
      if (!error.event) setDraft(content);
      return setState({ error: error.event ? Object.assign(error, { message: error.event.error }) : error });
    }
    await pause(RESUME_AFTER_MS, stopped.current.signal);
    try {
      const detail = await get(`${SESSIONS}${session.id}/`);
      const saved = [...detail.messages.results].reverse();
      setMessages(saved);
      const last = saved.at(-1);
      return last?.status === "generating" ? await resume(last) : setState({});
    } catch (failure) {
      return setState({ error: failure });
    }
  }

  async function resume(message) {
    setState({ isWriting: true });
    setMessages((before) => before.map((one) => (one.id === message.id ? { ...one, content: "" } : one)));
    let lastEventId = null;
    for (let tries = 0; tries < MAX_RESUMES && !stopped.current.signal.aborted; tries += 1) {
      try {
        const onEvent = (name, data, id) => {
          if (id) lastEventId = id;
          receive(message.id)(name, data);
        };
        await readEvents("GET", `${SESSIONS}${session.id}/messages/${message.id}/stream/`, { lastEventId, signal: stopped.current.signal, onEvent });
        return setState({});
      } catch (error) {
        if (error.name === "AbortError") return undefined;
        if (error.status >= 400 || error.event) return setState({ error });
        await pause(RESUME_AFTER_MS * 2 ** tries, stopped.current.signal);
      }
    }
    return setState({});
  }

  async function loadOlder() {
    const detail = await get(`${SESSIONS}${session.id}/?page=${older.page + 1}`);
    setOlder({ page: older.page + 1, hasMore: detail.messages.next !== null });
    const known = new Set(messages.map((one) => one.id));
    setMessages([...[...detail.messages.results].reverse().filter((one) => !known.has(one.id)), ...messages]);
  }

  return html`
    <div class="messages" ref=${list} role="log" aria-label=${texts.chat.title} tabindex="0">
      ${older.hasMore && html`<button type="button" class="link" onClick=${() => loadOlder().catch((error) => setState({ error }))}>${texts.chat.older}</button>`}
      ${messages.length === 0 && html`<${Prompts} onAsk=${ask} />`}
      ${messages.map((message) => html`<${Message} key=${message.id} ...${{ message, sources, onSeek }} />`)}
    </div>
    <${Failure} error=${state.error} />
    <${Question} ...${{ draft, setDraft, isWriting: state.isWriting, onAsk: ask }} />
  `;
}

function Prompts({ onAsk }) {
  return html`<div class="prompts">
    <p class="quiet">${texts.chat.empty}</p>
    ${texts.chat.prompts.map((prompt) => html`<button key=${prompt} type="button" class="prompt" onClick=${() => onAsk(prompt)}>${prompt}</button>`)}
  </div>`;
}

function Message({ message, sources, onSeek }) {
  const isUser = message.role === "user";
  const isWriting = message.status === "generating";
  return html`<article class=${`message ${isUser ? "message-user" : ""}`} aria-busy=${isWriting}>
    <h3 class="hidden">${isUser ? texts.chat.you : texts.chat.answer}</h3>
    ${isUser
      ? html`<p><bdi>${message.content}</bdi></p>`
      : message.content.split(/\n{2,}/).map((part, index) => html`<${Cited} key=${index} text=${part} sources=${sources} onSeek=${onSeek} />`)}
    ${isWriting && html`<p class="writing"><span></span><span></span><span></span><b class="hidden">${texts.chat.writing}</b></p>`}
    ${message.is_partial && html`<p class="quiet small">${texts.chat.partial} <bdi>${message.error ?? ""}</bdi></p>`}
    ${message.status === "failed" && html`<p class="quiet small"><bdi>${message.error}</bdi></p>`}
    ${message.is_stand_in && html`<p class="quiet small">${texts.chat.standIn}</p>`}
  </article>`;
}

function Question({ draft, setDraft, isWriting, onAsk }) {
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    onAsk(draft);
  };
  const onSubmit = (event) => {
    event.preventDefault();
    onAsk(draft);
  };
  return html`<form class="question" onSubmit=${onSubmit}>
    <textarea rows="1" aria-label=${texts.chat.label} placeholder=${texts.chat.placeholder} value=${draft}
      onInput=${(event) => setDraft(event.target.value)} onKeyDown=${onKeyDown}></textarea>
    <button type="submit" class="button button-main" disabled=${isWriting || !draft.trim()}>${texts.chat.send}</button>
  </form>`;
}
