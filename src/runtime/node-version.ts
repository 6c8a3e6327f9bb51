import { must } from './must.ts';

/**
 * Whether a version of Node is in a range such as `^24.20.0 || ^26.1.0`: of the same major version as one of the
 * alternatives, and not older.
 *
 * @throws Error if the range has another form
 */
export function isSupportedNode(version: string, range: string): boolean {
  const [major, minor, patch] = parts(version);
  return range.split('||').some((alternative) => {
    const least = /^\^(\d+\.\d+\.\d+)$/.exec(alternative.trim())?.[1];
    const [leastMajor, leastMinor, leastPatch] = parts(must(least, `not a range of versions: ${alternative}`));
    return major === leastMajor && (minor > leastMinor || (minor === leastMinor && patch >= leastPatch));
  });
}

function parts(version: string): readonly [major: number, minor: number, patch: number] {
  const [major = Number.NaN, minor = Number.NaN, patch = Number.NaN] = version
    .split('.')
    .map((part) => parseInt(part, 10));
  return [major, minor, patch];
}
