// A field whose words are searched after a pause in typing.
import { html, useEffect, useRef, useState } from "../html.js";

const TYPING_PAUSE_MS = 250;
const MAX_LENGTH = 200; // of the API

/** `words` are those of the shown list; the field follows when another control changes them. */
export function SearchField({ label, words, onSearch }) {
  const [typed, setTyped] = useState(words);
  const searched = useRef(words);
  useEffect(() => {
    if (words === searched.current) return;
    searched.current = words;
    setTyped(words);
  }, [words]);
  useEffect(() => {
    if (typed.trim() === searched.current) return undefined;
    const timer = setTimeout(() => {
      searched.current = typed.trim();
      onSearch(searched.current);
    }, TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return html`<input type="search" aria-label=${label} placeholder=${label} maxlength=${MAX_LENGTH} value=${typed}
    onInput=${(event) => setTyped(event.target.value)} />`;
}
