// Brings a post of a shared report into the form in which the report's parts read the owner's own.
import { texts } from "../texts.js";

/** @returns {{entry, post, analysis}} the parts of a report; a part that is not shared is missing or empty. */
export function partsOf(report, { url, post, measured, explanation, error }) {
  return {
    entry: { url, state: explanation ? "ANALYSED" : "FAILED", error: error ?? texts.request.notExplained, measured },
    post: post && { ...post, url, platform: report.platform },
    analysis: explanation && {
      ...explanation,
      analysis_data: { claims: explanation.claims, evidence: explanation.evidence, refused_claims: [] },
      metadata_used: { ...measured, facts: measured?.facts ?? [], gaps: explanation.gaps, stand_ins: explanation.stand_ins },
    },
  };
}
