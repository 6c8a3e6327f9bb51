import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

const text = (page: string) => readFileSync(join(ROOT, page), 'utf8');

/** Relative links of a page: where each leads to, from the root, and the heading. */
function linksOf(page: string): { readonly target: string; readonly anchor: string | undefined }[] {
  return [...text(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor] = link.split('#');
      return { target: path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path)), anchor };
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

describe('links of the pages', () => {
  it('lead to files and headings that are there', () => {
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

  it('lead from the README to every page within two hops', () => {
    const first = pagesLinkedFrom(['README.md']);
    const second = pagesLinkedFrom([...first].filter((page) => page.endsWith('.md')));
    expect(PAGES.filter((page) => page !== 'README.md' && !first.has(page) && !second.has(page))).toEqual([]);
  });
});

describe('messages', () => {
  it('name pages that are there', () => {
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const named = sources.flatMap((name) => text(join('src', name)).match(/docs\/[\w/.-]+\.md/g) ?? []);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((page) => !PAGES.includes(page))).toEqual([]);
  });
});
