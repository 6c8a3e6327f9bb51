export interface PackedFile {
  /** From the root of the package. */
  readonly path: string;
  readonly text: string;
}

const ALLOWED = /^(dist\/.+\.(js|d\.ts)|(migrations|k8s|docs|schemas|stack)\/.+|[A-Z]+(\.md)?|package\.json)$/;
const UNWANTED_PATHS: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/(^|\/)tests?\/|\.test\.|(^|\/)(bench|scripts)\//, 'a test or a tool of developers'],
  [/\.map$/, 'a source map'],
  [/(^|\/)\.|\.(pem|key|crt|p12|env)$/, 'a hidden file or a key'],
];
const UNWANTED_TEXTS: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/sourceMappingURL=/, 'a source map'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/:\/\/[\w.-]+:(?!password@)[^\s/@:'"`<>{}$]+@/, 'a URL with a password'],
  [/^\s*(\/\/\S+:)?_(authToken|auth|password)\s*=/m, 'a login of npm'],
];

/**
 * What a package must not contain, a line each; empty if it is fine.
 *
 * @param directories whose absolute paths no file may contain
 */
export function unwantedIn(files: readonly PackedFile[], directories: readonly string[]): readonly string[] {
  return files.flatMap(({ path, text }) => [
    ...(ALLOWED.test(path) ? [] : [`${path}: not a file of the package`]),
    ...UNWANTED_PATHS.filter(([pattern]) => pattern.test(path)).map(([, why]) => `${path}: ${why}`),
    ...UNWANTED_TEXTS.filter(([pattern]) => pattern.test(text)).map(([, why]) => `${path}: ${why}`),
    ...directories.filter((each) => text.includes(each)).map(() => `${path}: a path of the machine that packed it`),
  ]);
}
