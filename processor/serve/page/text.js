// Whatever comes from outside is shown harmlessly, as the command line does it: control and format characters
// (bidi marks), unusual spaces, lone surrogates and unassigned code points as escapes; a backslash doubled.

const MISLEADING = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}\\]/gu;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", " ": " " };

export function harmless(text) {
  return text.replace(MISLEADING, (character) => {
    if (character in SHORT) return SHORT[character];
    const code = character.codePointAt(0).toString(16);
    if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  });
}

export const number = (value) => value.toLocaleString("en");

// Never a whole that it is not: 99.96 % is not 100 %.
export function percent(rate) {
  if (rate === 0 || rate === 1) return `${rate * 100} %`;
  return `${Math.min(Math.max(Math.round(rate * 100), 1), 99)} %`;
}

const UNITS = [[60, "s"], [60, "min"], [24, "h"], [Infinity, "d"]];

export function ago(seconds) {
  let value = Math.max(seconds, 0);
  for (const [size, unit] of UNITS) {
    if (value < size) return `${Math.floor(value)} ${unit} ago`;
    value /= size;
  }
  return "";
}

export const shortTime = (time) => `${time.slice(0, 19).replace("T", " ")} UTC`;
