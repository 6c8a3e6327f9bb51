import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FILES = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => existsSync(join(ROOT, file)));
const PAGES = FILES.filter((file) => /^(docs\/.*|[A-Z]+)\.md$/.test(file));

const text = (page: string) => readFileSync(join(ROOT, page), 'utf8');

/** Relative links of a page: the text, the target from the root, and the heading. */
function linksOf(
  page: string,
): { readonly label: string; readonly target: string; readonly anchor: string | undefined }[] {
  return [...text(page).matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)]
    .filter(([, , link = '']) => !/^[a-z]+:/.test(link))
    .map(([, label = '', link = '']) => {
      const [path = '', anchor] = link.split('#');
      return { label, target: path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path)), anchor };
    });
}

/** As GitHub names the headings of a page. */
function anchorsOf(page: string): string[] {
  return [...text(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const pagesLinkedFrom = (pages: Iterable<string>) =>
  new Set([...pages].flatMap((page) => linksOf(page).map(({ target }) => target)));

describe('the links of the pages', () => {
  it('lead to existing files and headings', () => {
    const broken = PAGES.flatMap((page) =>
      linksOf(page)
        .filter(
          ({ target, anchor }) =>
            !existsSync(join(ROOT, target)) ||
            (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor)),
        )
        .map(({ target, anchor }) => `${page}: ${target}${anchor === undefined ? '' : `#${anchor}`}`),
    );
    expect(broken).toEqual([]);
  });

  it('name the file that they lead to, if their text is a file name', () => {
    const misnamed = PAGES.flatMap((page) =>
      linksOf(page)
        .map(({ label, target }) => ({ name: /^`(.*\.[a-z]+)`$/.exec(label)?.[1], target }))
        .filter(({ name, target }) => name !== undefined && !`/${target}`.endsWith(`/${name}`))
        .map(({ name, target }) => `${page}: ${name} leads to ${target}`),
    );
    expect(misnamed).toEqual([]);
  });

  it('lead to a file that has the named symbol', () => {
    const missing = PAGES.flatMap((page) =>
      [...text(page).matchAll(/`(\w+)` in \[`[^`]*`\]\(([^)#\s]+)\)/g)]
        .filter(([, symbol = '', link = '']) => !text(join(dirname(page), link)).includes(symbol))
        .map(([mention]) => `${page}: ${mention}`),
    );
    expect(missing).toEqual([]);
  });

  it('lead from the README to every page of docs/ within two hops', () => {
    const first = pagesLinkedFrom(['README.md']);
    const second = pagesLinkedFrom([...first].filter((page) => page.endsWith('.md')));
    const pages = PAGES.filter((page) => page.startsWith('docs/'));
    expect(pages.filter((page) => !first.has(page) && !second.has(page))).toEqual([]);
  });
});

describe('files that texts and comments name', () => {
  const PATH = /(?<![\w./@-])(?:src|test|docs|scripts|stack|bench|k8s|migrations|schemas)\/[\w./-]*\w/g;
  /** Texts with paths of other trees or of other times. */
  const EXCEPT = ['CHANGELOG.md', 'package-lock.json', 'test/pods/image.test.ts', 'scripts/check-words.ts'];

  it('exist', () => {
    const missing = FILES.filter((file) =>
      /\.(ts|md|ya?ml|sql|sh|java|json)$|^\.ci\/|^\.github\/|^Dockerfile$/.test(file),
    )
      .filter((file) => !EXCEPT.includes(file))
      .flatMap((file) =>
        (text(file).match(PATH) ?? [])
          .filter((path) => !existsSync(join(ROOT, path)))
          .map((path) => `${file} names ${path}`),
      );
    expect(missing).toEqual([]);
  });
});
