/** Text for a terminal: what could steer it is written as its code. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, code);
}

/** Bytes for people: text where they are text, else a hex dump; cut after `maxBytes`, with a line that says so. */
export function contentText(bytes: Buffer, maxBytes: number): string {
  const cut = bytes.subarray(0, maxBytes);
  const text = textOf(cut, bytes.length > maxBytes);
  const shown = text ?? hexDump(cut);
  return bytes.length > maxBytes ? `${shown}\n… ${bytes.length - maxBytes} bytes more` : shown;
}

/** Undefined where the bytes are no text. Of one that was cut the last character may be missing. */
function textOf(bytes: Buffer, isCut: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
    if (/[^\P{Cc}\t\n\r]/u.test(text)) return undefined;
    return text.replace(/[\r\p{Cf}\p{Zl}\p{Zp}]/gu, code);
  } catch {
    return undefined;
  }
}

function code(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

const LINE_BYTES = 16;

/** Offset, hex and ASCII, 16 bytes a line. */
function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES);
    const hex = [...line].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = [...line].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(LINE_BYTES * 3 - 1)}  ${ascii}`);
  }
  return lines.join('\n');
}
