// The mark of a platform: our own small drawings, not the vendors' logos.
import { html } from "../html.js";
import { texts } from "../texts.js";

const PATHS = {
  youtube: "M3 6.500A2.500 2.500 0 0 1 5.500 4h9A2.500 2.500 0 0 1 17 6.500v7a2.500 2.500 0 0 1-2.500 2.500h-9A2.500 2.500 0 0 1 3 13.500zM8.500 7.500v5l4-2.500z",
  instagram: "M6.500 3h7A3.500 3.500 0 0 1 17 6.500v7a3.500 3.500 0 0 1-3.500 3.500h-7A3.500 3.500 0 0 1 3 13.500v-7A3.500 3.500 0 0 1 6.500 3zM10 6.800a3.200 3.200 0 1 0 0 6.400 3.200 3.200 0 0 0 0-6.400zM14 5.200v1.400",
  x: "M4 4l12 12M16 4L4 16",
};

export function PlatformMark({ platform }) {
  return html`<svg class="mark" viewBox="0 0 20 20" role="img" aria-label=${texts.platforms[platform]}>
    <path d=${PATHS[platform]} fill="none" stroke="currentColor" stroke-width="1.600" stroke-linejoin="round" stroke-linecap="round" />
  </svg>`;
}
