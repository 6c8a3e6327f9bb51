/** Completion scripts that contain all words: running `lastseen` at each TAB would start a Node process each time. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What can follow a command. The path of the program itself is `[]`. */
export interface CompletionPlace {
  readonly path: readonly string[];
  /** Subcommands, and the choices of an argument. */
  readonly words: readonly CompletionWord[];
  readonly options: readonly (CompletionWord & { readonly takesValue: boolean })[];
}

interface CompletionWord {
  readonly word: string;
  readonly about: string;
}

export function scriptFor(shell: Shell, program: string, places: readonly CompletionPlace[]): string {
  switch (shell) {
    case 'bash':
      return bash(program, places);
    case 'zsh':
      return zsh(program, places);
    case 'fish':
      return fish(program, places);
  }
}

function bash(program: string, places: readonly CompletionPlace[]): string {
  return `# bash completion of ${program}: source <(${program} completion bash)
_${program}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at= word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
      ${steps(places)}) at="\${at:+$at }$word" ;;
    esac
  done
  COMPREPLY=()
  case "$at $prev" in
    ${valueOptions(places)}) return ;;
  esac
  case $at in
${places.map((place) => `    ${quoted(place.path.join(' '))}) words=${quoted(all(place).join(' '))} ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _${program} ${program}
`;
}

function zsh(program: string, places: readonly CompletionPlace[]): string {
  const described = ({ word, about }: CompletionWord) => quoted(`${word.replaceAll(':', '\\:')}:${about}`);
  const found = ({ words, options }: CompletionPlace) => [...words, ...options].map(described).join(' ');
  return `#compdef ${program}
_${program}() {
  local at= word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      (${steps(places)}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
    (${valueOptions(places)}) return ;;
  esac
  case "$at" in
${places.map((place) => `    (${quoted(place.path.join(' '))}) found=(${found(place)}) ;;`).join('\n')}
  esac
  _describe ${program} found
}
if [ "\${funcstack[1]}" = _${program} ]; then _${program} "$@"; else compdef _${program} ${program}; fi
`;
}

function fish(program: string, places: readonly CompletionPlace[]): string {
  const lines = places.flatMap(({ path, words, options }) => {
    const start = `complete -c ${program} -n ${quoted(`__${program}_at ${quoted(path.join(' '))}`, 'fish')}`;
    return [
      ...words.map(({ word, about }) => `${start} -a ${word} -d ${quoted(about, 'fish')}`),
      ...options.map(
        ({ word, about, takesValue }) =>
          `${start} -l ${word.slice('--'.length)}${takesValue ? ' -x' : ''} -d ${quoted(about, 'fish')}`,
      ),
    ];
  });
  return `# fish completion of ${program}
function __${program}_at
  set -l at ''
  for word in (commandline -opc)
    switch "$at $word"
      case ${steps(places).replaceAll('|', ' ')}
        set at (string trim "$at $word")
    end
  end
  test "$at" = "$argv[1]"
end
complete -c ${program} -f
${lines.join('\n')}
`;
}

/** Each command as `<parent path> <name>`: the word that leads from the parent to the command. */
function steps(places: readonly CompletionPlace[]): string {
  return places
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => quoted(`${path.slice(0, -1).join(' ')} ${path.at(-1)}`))
    .join('|');
}

/** Each option that takes a value, as `<command path> <option>`. Values are not completed. */
function valueOptions(places: readonly CompletionPlace[]): string {
  return places
    .flatMap(({ path, options }) =>
      options.filter(({ takesValue }) => takesValue).map(({ word }) => quoted(`${path.join(' ')} ${word}`)),
    )
    .join('|');
}

const all = ({ words, options }: CompletionPlace) => [...words, ...options].map(({ word }) => word);

/** Quotes a word for a shell. Inside single quotes bash and zsh escape nothing; fish escapes the backslash and the quote. */
function quoted(text: string, shell: Shell = 'bash'): string {
  return shell === 'fish'
    ? `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
    : `'${text.replaceAll("'", "'\\''")}'`;
}
