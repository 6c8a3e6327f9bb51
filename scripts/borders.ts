/** Compares the imports of src with the table of folders in docs/architecture.md, which defines what each may import. */

export interface SourceFile {
  /** From `src/`. */
  readonly path: string;
  readonly text: string;
}

/** One row of the table: a folder, what its files may do, and the folders that it imports. */
export interface FolderRule {
  readonly folder: string;
  readonly kind: 'rules' | 'capability' | 'base';
  readonly imports: ReadonlySet<string>;
}

/** Packages and built-in modules that belong to one folder; its subfolders are included. */
const OWNERS: ReadonlyMap<string, string> = new Map([
  ['pg', 'postgres'],
  ['pg-cursor', 'postgres'],
  ['kafkajs', 'kafka'],
  ['avsc', 'registry'],
  ['@kafkajs/confluent-schema-registry', 'registry'],
  ['fastify', 'observability'],
  ['prom-client', 'observability'],
  ['node:process', 'cli'],
]);

/** Built-in modules and packages that do I/O. */
const IO = /^(node:(fs|fs\/promises|net|http|https|tls|child_process|timers\/promises|v8|os)|pg|pg-cursor|kafkajs)$/;

/** Files of a capability that may do I/O, by name. */
const EFFECTFUL = /(^|\/|-)(command|pipeline|store|page|wiring|client|samples)\.ts$/;

/** Reads the rows `| \`folder/\` | kind | holds | imports |` of the page's first table that has them. */
export function readRules(page: string): readonly FolderRule[] {
  const rows = [...page.matchAll(/^\| `([\w/-]+)\/` \| (rules|capability|base) \| [^|]* \| ([^|]*)\|$/gm)];
  return rows.map(([, folder = '', kind = '', imports = '']) => ({
    folder,
    kind: kind as FolderRule['kind'],
    imports: new Set([...imports.matchAll(/`([\w/-]+)`/g)].map(([, name = '']) => name)),
  }));
}

/** Every breach, a line each; empty if the files keep the borders and the table names no import that is gone. */
export function findBreaches(rules: readonly FolderRule[], files: readonly SourceFile[]): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return [
    ...misorderedRows(rules),
    ...files.flatMap((file) => breachesOf(rules, byPath, file)),
    ...staleRows(rules, files),
  ];
}

/** A row may only name rows above it, so the graph of folders is acyclic. */
function misorderedRows(rules: readonly FolderRule[]): readonly string[] {
  const above = new Set<string>();
  return rules.flatMap(({ folder, imports }) => {
    const below = [...imports].filter((name) => !above.has(name));
    above.add(folder);
    return below.map((name) => `docs/architecture.md: the row of ${folder}/ names ${name}/, which is not above it`);
  });
}

function breachesOf(rules: readonly FolderRule[], files: ReadonlyMap<string, SourceFile>, file: SourceFile): string[] {
  const folder = folderOf(file.path);
  if (folder === '') return [];
  const rule = rules.find((each) => each.folder === folder);
  if (rule === undefined) return [`src/${file.path}: docs/architecture.md has no row for ${folder}/`];
  const isPure = rule.kind === 'rules' || (rule.kind === 'capability' && !EFFECTFUL.test(file.path));
  return importsOf(file).flatMap(({ from, target, isType }) => {
    const breach = (why: string) => [`src/${file.path} imports ${from}: ${why}`];
    if (target === undefined) {
      const owner = OWNERS.get(from);
      if (owner !== undefined && !isWithin(folder, owner)) return breach(`only ${owner}/ does`);
      return isPure && IO.test(from) ? breach('a file with this name does no I/O') : [];
    }
    const other = folderOf(target);
    if (other !== folder && !rule.imports.has(other)) return breach(`${folder}/ may not import ${other}/`);
    if (other !== folder && isCommand(rules, target)) return breach('a command is imported by program.ts only');
    return isPure && !isType && doesIo(files, target) ? breach('it does I/O, and a file with this name does none') : [];
  });
}

function isCommand(rules: readonly FolderRule[], path: string): boolean {
  const isCapability = rules.some(({ folder, kind }) => folder === folderOf(path) && kind === 'capability');
  return isCapability && /(\/|-)command\.ts$/.test(path);
}

/** Whether a file does I/O: by its name, or through what it imports, types aside. */
function doesIo(files: ReadonlyMap<string, SourceFile>, path: string, seen = new Set<string>()): boolean {
  const file = files.get(path);
  if (file === undefined || seen.has(path)) return false;
  seen.add(path);
  const isNamedSo = !path.startsWith('cli/') && EFFECTFUL.test(path);
  return (
    isNamedSo ||
    importsOf(file).some(
      ({ from, target, isType }) => !isType && (target === undefined ? IO.test(from) : doesIo(files, target, seen)),
    )
  );
}

function staleRows(rules: readonly FolderRule[], files: readonly SourceFile[]): readonly string[] {
  return rules.flatMap(({ folder, imports }) => {
    const own = files.filter(({ path }) => folderOf(path) === folder);
    if (own.length === 0) return [`docs/architecture.md: there is no folder src/${folder}/`];
    const used = new Set(own.flatMap((file) => importsOf(file).map(({ target }) => folderOf(target ?? ''))));
    const stale = [...imports].filter((name) => !used.has(name));
    return stale.map((name) => `docs/architecture.md: ${folder}/ no longer imports ${name}/`);
  });
}

interface Import {
  readonly from: string;
  /** The file of src, from `src/`; undefined for a package, a built-in module or a file elsewhere. */
  readonly target: string | undefined;
  readonly isType: boolean;
}

function importsOf({ path, text }: SourceFile): readonly Import[] {
  const statements = /^(?:import|export)\s(?:(type\s)?[^'";]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(statements)].map(([, type, from, dynamic]) => {
    const name = from ?? dynamic ?? '';
    return { from: name, target: name.startsWith('.') ? resolve(path, name) : undefined, isType: type !== undefined };
  });
}

function resolve(path: string, relative: string): string | undefined {
  const url = new URL(relative, `file:///src/${path}`).pathname;
  return url.startsWith('/src/') ? url.slice('/src/'.length) : undefined;
}

function folderOf(path: string): string {
  return path.split('/').slice(0, -1).join('/');
}

function isWithin(folder: string, owner: string): boolean {
  return folder === owner || folder.startsWith(`${owner}/`);
}
