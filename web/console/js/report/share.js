// The share link of a report: create, replace and revoke it. Only a hash of a link is kept, so it is shown once.
import { call, post } from "../api.js";
import { html, useId, useRef, useState } from "../html.js";
import { CopyField } from "../parts/copy_field.js";
import { Failure } from "../parts/states.js";
import { texts } from "../texts.js";

export function ShareButton({ request }) {
  const dialog = useRef();
  const title = useId();
  const [state, setState] = useState({ isShared: request.is_shared });
  const run = (action) => async () => {
    setState({ ...state, isBusy: true, error: undefined });
    try {
      setState(await action());
    } catch (error) {
      setState({ ...state, error });
    }
  };
  const path = `api/analysis/requests/${request.id}/share/`;
  const create = run(async () => ({ isShared: true, url: (await post(path)).url }));
  const revoke = run(async () => {
    await call("DELETE", path);
    return { isShared: false, isRevoked: true };
  });
  return html`
    <button type="button" class="button" onClick=${() => dialog.current.showModal()}>
      ${texts.share.button} ${state.isShared && html`<span class="dot" title=${texts.share.exists}><span class="hidden">${texts.share.exists}</span></span>`}
    </button>
    <dialog ref=${dialog} class="dialog share" aria-labelledby=${title}>
      <h2 id=${title}>${texts.share.title}</h2>
      <p>${texts.share.lead}</p>
      <div class="share-state" role="status">
        ${state.url && html`<${CopyField} value=${state.url} label=${texts.share.link} /><p class="quiet small">${texts.share.once}</p>`}
        ${!state.url && state.isShared && html`<p>${texts.share.exists} ${texts.share.notShownAgain}</p>`}
        ${state.isRevoked && html`<p>${texts.share.revoked}</p>`}
      </div>
      <${Failure} error=${state.error} />
      <p class="dialog-actions">
        ${state.isShared && html`<button type="button" class="button" disabled=${state.isBusy} onClick=${revoke}>${texts.share.revoke}</button>`}
        <button type="button" class=${`button ${state.url ? "" : "button-main"}`} disabled=${state.isBusy} onClick=${create}>
          ${state.isShared ? texts.share.replace : texts.share.create}</button>
        <button type="button" class="button" onClick=${() => dialog.current.close()}>${texts.close}</button>
      </p>
    </dialog>
  `;
}
