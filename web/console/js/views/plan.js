// The plans, the state of the subscription, and payments. Checkout and payment data stay on the provider's pages.
import { download, get, newKey, post } from "../api.js";
import { formatDate, formatMoney, formatPrice, safeAddress } from "../format.js";
import { html, useRef, useState } from "../html.js";
import { ConfirmButton } from "../parts/confirm.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";

export function Plan() {
  const { data, error, reload } = useData(load, []);
  if (error) return html`<section class="page"><h1>${texts.plan.title}</h1><${Failure} error=${error} onRetry=${reload} /></section>`;
  if (!data) return html`<section class="page"><h1>${texts.plan.title}</h1><${Loading} lines=${6} /></section>`;
  return html`<section class="page">
    <header class="section-head"><h1>${texts.plan.title}</h1></header>
    <${Subscription} subscription=${data.subscription} onChange=${reload} />
    <${Plans} plans=${data.plans} subscription=${data.subscription} onChange=${reload} />
    <${Methods} methods=${data.methods} />
    <${Payments} history=${data.history} />
  </section>`;
}

async function load(signal) {
  const [plans, subscription, history, methods] = await Promise.all([
    get("api/accounts/plans/", { signal }),
    get("api/accounts/subscription/", { signal }),
    get("api/billing/subscription/history/", { signal }),
    get("api/billing/payment-methods/", { signal }),
  ]);
  return { plans: plans.results, subscription, history: history.results, methods: methods.payment_methods };
}

function leaveFor(url) {
  const address = safeAddress(url);
  if (address) location.assign(address);
}

/** Run an action and keep its failure. */
function useAction(onChange) {
  const [error, setError] = useState();
  const run = (action) => async () => {
    setError(undefined);
    try {
      await action();
      onChange?.();
    } catch (failure) {
      setError(failure);
    }
  };
  return { error, run };
}

function Subscription({ subscription, onChange }) {
  const { error, run } = useAction(onChange);
  const { plan, notices = [], downgrade_at: endsAt, downgrade_to_plan: next } = subscription;
  const isPaid = subscription.provider === "DODO";
  const isEnding = subscription.status === "CANCELING" || endsAt !== null;
  return html`<section class="panel current-plan">
    <div>
      <p class="eyebrow">${texts.plan.current}</p>
      <p class="current-plan-name">${plan.name}</p>
      ${isPaid && !isEnding && subscription.current_period_end && html`<p class="quiet">${texts.plan.until(formatDate(subscription.current_period_end))}</p>`}
      ${isEnding && next && endsAt && html`<p>${texts.plan.ends(next.name, formatDate(endsAt))}</p>`}
      ${notices.map((notice) => html`<p key=${notice.kind} class="hint" role="status">${wordsOf(notice)}</p>`)}
    </div>
    <div class="current-plan-actions">
      ${isPaid && html`<button type="button" class="button" onClick=${run(async () => leaveFor((await post("api/billing/portal/")).url))}>${texts.plan.portal}</button>`}
      ${isPaid && isEnding && html`<button type="button" class="button" onClick=${run(() => post("api/billing/cancel/undo/"))}>${texts.plan.undo}</button>`}
      ${isPaid && !isEnding && html`<${ConfirmButton} label=${texts.plan.cancel} question=${texts.plan.cancelQuestion} yes=${texts.plan.cancelYes} no=${texts.plan.back}
        onConfirm=${run(() => post("api/billing/cancel/"))} />`}
    </div>
    <${Failure} error=${error} />
  </section>`;
}

function wordsOf(notice) {
  const words = texts.plan.notices[notice.kind];
  if (words) return words(notice.plan);
  return texts.plan.scheduled(notice.plan, notice.at ? formatDate(notice.at) : "");
}

function Plans({ plans, subscription, onChange }) {
  const { error, run } = useAction();
  const [change, setChange] = useState(null);
  const key = useRef(newKey());
  const isPaid = subscription.provider === "DODO";
  const choose = (plan) => run(async () => {
    if (isPaid) return setChange({ plan, preview: await post("api/billing/upgrade/", { plan: plan.slug, preview: true }) });
    return leaveFor((await post("api/billing/subscribe/", { plan: plan.slug }, { key: key.current })).checkout_url);
  });
  const confirm = run(async () => {
    const done = await post("api/billing/upgrade/", { plan: change.plan.slug }, { key: key.current });
    key.current = newKey();
    if (done.payment_link) return leaveFor(done.payment_link);
    setChange({ ...change, done });
    return onChange();
  });
  return html`
    <ul class="plans">${plans.map((plan) => html`<${PlanCard} key=${plan.slug} ...${{ plan, isPaid }} isCurrent=${plan.slug === subscription.plan.slug} onChoose=${choose(plan)} />`)}</ul>
    <${Failure} error=${error} />
    ${change && html`<${Change} change=${change} onConfirm=${confirm} onClose=${() => setChange(null)} />`}
  `;
}

function PlanCard({ plan, isCurrent, isPaid, onChoose }) {
  return html`<li class=${`panel plan ${isCurrent ? "plan-current" : ""}`}>
    <h2>${plan.name}</h2>
    <p class="plan-price"><b class="numbers">${plan.price_cents === 0 ? texts.plan.free : formatPrice(plan.price_cents)}</b>
      ${plan.price_cents > 0 && html`<span class="quiet"> ${texts.plan.month}</span>`}</p>
    <ul class="list">
      <li>${texts.plan.urls(plan.max_urls)}</li><li>${texts.plan.analyses(plan.max_analyses_per_day)}</li>
      <li>${texts.plan.questions(plan.max_questions_per_day)}</li><li>${texts.plan.handles(plan.max_handles)}</li>
    </ul>
    ${isCurrent && html`<p><span class="tag tag-on">${texts.plan.current}</span></p>`}
    ${!isCurrent && plan.price_cents > 0 && html`<button type="button" class="button button-main" onClick=${onChoose}>${isPaid ? texts.plan.change(plan.name) : texts.plan.choose(plan.name)}</button>`}
  </li>`;
}

function Change({ change, onConfirm, onClose }) {
  const { preview, done, plan } = change;
  const charge = preview.charge;
  if (done) {
    return html`<p class="hint" role="status">${done.effective_at ? texts.plan.scheduled(plan.name, formatDate(done.effective_at)) : texts.plan.processing}</p>`;
  }
  return html`<section class="panel" role="status">
    <p>${charge ? texts.plan.preview(formatMoney(charge.total_cents, charge.currency)) : texts.plan.previewNow}
      ${preview.effective_at && ` ${texts.plan.scheduled(plan.name, formatDate(preview.effective_at))}`}</p>
    <p class="dialog-actions"><button type="button" class="button" onClick=${onClose}>${texts.plan.back}</button>
      <button type="button" class="button button-main" onClick=${onConfirm}>${texts.plan.confirm}</button></p>
  </section>`;
}

function Methods({ methods }) {
  if (methods.length === 0) return null;
  return html`<section class="block"><h2>${texts.plan.methods}</h2>
    <ul class="list">${methods.map((method) => html`<li key=${method.id}><bdi>${method.brand ? texts.plan.card(method.brand, method.last_four) : method.kind}</bdi></li>`)}</ul></section>`;
}

function Payments({ history }) {
  const { error, run } = useAction();
  return html`<section class="block"><h2>${texts.plan.history}</h2>
    ${history.length === 0 && html`<p class="quiet">${texts.plan.noHistory}</p>`}
    <${Failure} error=${error} />
    ${history.length > 0 && html`<div class="table-scroll"><table><tbody>${history.map(
      (entry) => html`<tr key=${`${entry.kind}${entry.id}`}>
        <th scope="row">${formatDate(entry.at)}</th><td>${texts.plan.kinds[entry.kind] ?? texts.plan.invoice}</td><td><bdi>${entry.plan ?? ""}</bdi></td>
        <td class="numbers">${entry.amount_cents === null ? "" : formatMoney(entry.amount_cents, entry.currency ?? "USD")}</td>
        <td>${entry.status && html`<span class="tag">${entry.status.toLowerCase()}</span>`}</td>
        <td>${entry.kind === "invoice" && html`<button type="button" class="link" onClick=${run(() => download(`api/billing/invoices/${entry.id}/pdf/`, `invoice-${entry.id}.pdf`))}>PDF</button>`}</td>
      </tr>`,
    )}</tbody></table></div>`}
  </section>`;
}
