// Numbers, times and names as people read them.
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const dateFormat = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const timeFormat = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const RELATIVE_UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export const formatCount = (value) => (Math.abs(value) < 10_000 ? plain.format(value) : compact.format(value));
export const formatNumber = (value) => plain.format(value);
export const formatDate = (text) => (isDate(text) ? dateFormat.format(new Date(text)) : String(text));
export const formatDateTime = (text) => (isDate(text) ? `${formatDate(text)}, ${timeFormat.format(new Date(text))}` : String(text));
export const formatPercent = (share) => `${plain.format(share * 100)} %`;
export const formatUsd = (usd) => (usd === 0 ? "$0" : `$${usd < 0.01 ? usd.toFixed(4) : usd.toFixed(2)}`);

const isDate = (text) => !Number.isNaN(new Date(text).getTime());

export function formatMoney(cents, currency = "USD") {
  if (!/^[A-Z]{3}$/.test(currency)) return `${plain.format(cents / 100)} ${currency}`;
  return new Intl.NumberFormat("en", { style: "currency", currency }).format(cents / 100);
}

/** A price without cents where it has none. */
export function formatPrice(cents) {
  return formatMoney(cents).replace(/\.00$/, "");
}

export function formatRatio(value) {
  if (value >= 100) return `${Math.round(value)}×`;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)}×`;
}

export function formatClock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${parts.join(":")}` : `${Number(parts[0])}:${parts[1]}`;
}

export function formatAgo(text, now = Date.now()) {
  if (!isDate(text)) return String(text);
  const seconds = (new Date(text).getTime() - now) / 1000;
  if (Math.abs(seconds) > 7 * 86_400) return formatDate(text);
  for (const [unit, size] of RELATIVE_UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(0, "minute") === "this minute" ? "just now" : relative.format(0, "minute");
}

export function formatFact(fact) {
  const { value, unit } = fact;
  if (value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.join(", ");
  if (unit === "UTC time") return formatDateTime(value);
  if (typeof value === "string") return value;
  if (unit === "UTC hour") return `${value}:00 UTC`;
  if (unit === "seconds") return `${plain.format(value)} s`;
  if (unit === "ratio" || unit === "boolean") return plainRatio(value);
  return `${formatNumber(value)} ${unit}`;
}

function plainRatio(value) {
  return Math.abs(value) < 1 ? Number(value.toPrecision(3)).toString() : plain.format(value);
}

/** `engagements_per_view` as words. */
export const nameOf = (identifier) => identifier.replaceAll("_", " ");

/** The address if it is one that a link may lead to; null for any other scheme. */
export function safeAddress(text) {
  try {
    const address = new URL(text);
    return address.protocol === "https:" || address.protocol === "http:" ? address.href : null;
  } catch {
    return null;
  }
}
