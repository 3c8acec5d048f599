// One endpoint: its state, what can be done with it, and what was sent to it.
import { call, get, newKey, post } from "../api.js";
import { formatAgo } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { ConfirmButton } from "../parts/confirm.js";
import { Pager } from "../parts/pager.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";

const REFRESH_MS = 3000;

export function Endpoint({ endpoint, onChange, onSecret }) {
  const words = texts.settings.webhooks;
  const [error, setError] = useState();
  const [round, setRound] = useState(0);
  const path = `api/webhooks/endpoints/${endpoint.id}/`;
  const run = (action, done) => async () => {
    setError(undefined);
    try {
      done(await action());
    } catch (failure) {
      setError(failure);
    }
  };
  const test = run(() => post(`${path}test/`, undefined, { key: newKey() }), () => setRound(round + 1));
  const rotate = run(() => post(`${path}secret/`), (answer) => { onSecret(answer); onChange(); });
  const remove = run(() => call("DELETE", path), onChange);
  const toggle = run(() => call("PATCH", path, { body: { is_enabled: !endpoint.is_enabled } }), onChange);
  return html`<li class="panel endpoint">
    <header class="endpoint-head">
      <h3><bdi class="mono">${endpoint.url}</bdi></h3>
      <${EndpointState} endpoint=${endpoint} />
    </header>
    <p class="quiet small">${endpoint.description && html`<bdi>${endpoint.description}</bdi> · `}${endpoint.events.map((type) => words.events[type] ?? type).join(", ")}</p>
    ${endpoint.disabled_reason && html`<p class="hint"><bdi>${endpoint.disabled_reason}</bdi></p>`}
    <div class="endpoint-actions">
      <button type="button" class="button" disabled=${!endpoint.is_enabled} onClick=${test}>${words.test}</button>
      <button type="button" class="button" onClick=${toggle}>${endpoint.is_enabled ? words.disable : words.enable}</button>
      <${ConfirmButton} label=${words.rotate} question=${words.rotateQuestion} yes=${words.rotate} no=${texts.cancel} onConfirm=${rotate} />
      <${ConfirmButton} label=${words.remove} question=${words.removeQuestion} yes=${words.remove} no=${texts.cancel} onConfirm=${remove} />
    </div>
    <${Failure} error=${error} />
    <${Deliveries} path=${path} round=${round} isEnabled=${endpoint.is_enabled} />
  </li>`;
}

function EndpointState({ endpoint }) {
  const { states } = texts.settings.webhooks;
  if (!endpoint.is_enabled) return html`<span class="tag tag-failed">${states.disabled}</span>`;
  if (endpoint.failing_since) return html`<span class="tag tag-failed">${states.failing(formatAgo(endpoint.failing_since))}</span>`;
  return html`<span class="tag">${states.enabled}</span>`;
}

/** The deliveries are read when they are first opened or a test was sent, and again while one is being sent. */
function Deliveries({ path, round, isEnabled }) {
  const words = texts.settings.webhooks;
  const [isOpen, setOpen] = useState(false);
  const [page, setPage] = useState(1);
  useEffect(() => void (round > 0 && setOpen(true)), [round]);
  return html`<details class="fold" open=${isOpen} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${words.deliveries}</summary>
    ${isOpen && html`<${DeliveryList} ...${{ path, round, isEnabled, page }} onPage=${setPage} />`}
  </details>`;
}

function DeliveryList({ path, round, isEnabled, page, onPage }) {
  const words = texts.settings.webhooks;
  const { data, error, reload } = useData((signal) => get(`${path}deliveries/?page=${page}`, { signal }), [path, page, round]);
  const [failure, setFailure] = useState();
  const isSending = data?.results.some((one) => one.state === "PENDING");
  useEffect(() => {
    if (!isSending) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isSending]);
  const resend = (delivery) => () =>
    post(`${path}deliveries/${delivery.id}/redeliver/`, undefined, { key: newKey() }).then(() => { setFailure(undefined); reload(); }, setFailure);
  if (!data && !error) return html`<${Loading} lines=${2} />`;
  return html`
    <${Failure} error=${failure ?? error} onRetry=${reload} />
    ${data?.count === 0 && html`<p class="quiet">${words.noDeliveries}</p>`}
    ${data?.count > 0 && html`<div class="table-scroll"><table>
      <thead><tr>${Object.entries(words.columns).map(([name, title]) => html`<th key=${name}>${title}</th>`)}<th><span class="hidden">${words.resend}</span></th></tr></thead>
      <tbody>${data.results.map((one) => html`<${DeliveryRow} key=${one.id} delivery=${one} isEnabled=${isEnabled} onResend=${resend(one)} />`)}</tbody>
    </table></div>`}
    <${Pager} list=${data} page=${page} onPage=${onPage} />
  `;
}

function DeliveryRow({ delivery, isEnabled, onResend }) {
  const words = texts.settings.webhooks;
  const last = delivery.attempt_log.at(-1);
  return html`<tr>
    <td>${delivery.type}</td>
    <td><span class=${delivery.state === "FAILED" ? "tag tag-failed" : "tag"}>${words.deliveryStates[delivery.state]}</span></td>
    <td class="numbers">${delivery.attempts}</td>
    <td>${last && html`<bdi>${last.error ?? last.status}</bdi>`}</td>
    <td><time datetime=${delivery.created_at}>${formatAgo(delivery.created_at)}</time></td>
    <td><button type="button" class="link" disabled=${!isEnabled} onClick=${onResend}>${words.resend}</button></td>
  </tr>`;
}
