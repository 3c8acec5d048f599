// The user's note about one analysis. A note that was changed elsewhere is never overwritten unseen.
import { call, get, getPages, post } from "../api.js";
import { formatAgo } from "../format.js";
import { html, useState } from "../html.js";
import { ConfirmButton } from "../parts/confirm.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";

const MAX_PAGES = 3;

export function Note({ analysisId }) {
  const { data, error, reload, setData } = useData((signal) => findNote(analysisId, signal), [analysisId]);
  return html`<section class="panel note">
    <h2>${texts.note.title}</h2>
    <${Failure} error=${error} onRetry=${reload} />
    ${!data && !error && html`<${Loading} lines=${2} />`}
    ${data && html`<${Editor} key=${data.note?.updated_at ?? "new"} analysisId=${analysisId} note=${data.note} onChange=${(note) => setData({ note })} onReload=${reload} />`}
  </section>`;
}

/** Browsers report each 404 as an error of the page, so the list is asked first. */
async function findNote(analysisId, signal) {
  const { results, isComplete } = await getPages("api/analysis/notes/", MAX_PAGES);
  const isThere = results.some((note) => note.post_analysis_id === analysisId);
  if (!isThere && isComplete) return { note: null };
  try {
    return { note: await get(`api/analysis/notes/${analysisId}/`, { signal }) };
  } catch (error) {
    if (error.code === "note_not_found") return { note: null };
    throw error;
  }
}

function Editor({ analysisId, note, onChange, onReload }) {
  const [title, setTitle] = useState(note?.title ?? "");
  const [content, setContent] = useState(note?.content ?? "");
  const [state, setState] = useState({});
  const isChanged = title !== (note?.title ?? "") || content !== (note?.content ?? "");
  const save = async (event) => {
    event.preventDefault();
    setState({ isSaving: true });
    try {
      onChange(await post("api/analysis/notes/save/", { post_analysis_id: analysisId, title, content, updated_at: note?.updated_at ?? null }));
    } catch (error) {
      setState({ error });
    }
  };
  const remove = async () => {
    try {
      await call("DELETE", `api/analysis/notes/${note.id}/delete/`);
      onChange(null);
    } catch (error) {
      setState({ error });
    }
  };
  return html`<form class="note-form" onSubmit=${save}>
    <input aria-label=${texts.note.name} placeholder=${texts.note.name} value=${title} onInput=${(event) => setTitle(event.target.value)} required />
    <textarea rows="4" aria-label=${texts.note.content} placeholder=${texts.note.contentHint} value=${content} onInput=${(event) => setContent(event.target.value)}></textarea>
    <div class="note-actions">
      <button type="submit" class="button" disabled=${!isChanged || !title.trim() || state.isSaving}>${texts.note.save}</button>
      ${note && html`<${ConfirmButton} label=${texts.note.remove} question=${texts.note.remove} yes=${texts.note.remove} no=${texts.request.cancel} onConfirm=${remove} className="link" />`}
      <span class="quiet small" role="status">${isChanged ? texts.note.unsaved : note ? `${texts.note.saved} ${formatAgo(note.updated_at)}` : ""}</span>
    </div>
    <${Failure} error=${state.error} />
    ${state.error?.code === "note_changed" && html`<button type="button" class="button" onClick=${onReload}>${texts.note.load}</button>`}
  </form>`;
}
