/**
 * Words that this project does not use, with what to write instead. `npm run check` looks for them in code, comments,
 * messages, tests and documents; in identifiers too, whose camelCase is split into words.
 */
const WORDS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(mend|mends|mended|mending)\b/, 'repair, fix'],
  [/\b(tell|tells|told|telling)\b/, 'report, log, return, show'],
  [/\b(stand|stands|stood|standing)\b/, 'is, exists; existing'],
  [/\banew\b/, 'again, rebuild'],
  [/\b(whoever|whatever|whichever|whosoever)\b/, 'the caller, the operator, another process; all that'],
  [
    /\bwhere (it|they|there|that|this|these|those|one|none|no|not|nobody|nothing|all|both|neither|either|some)\b/,
    'if, when',
  ],
  [/\bwhere (another|somebody|someone|unknown|two|such)\b/, 'if, when'],
  [/\b(so|but|as|also|even|only|except|undefined|empty|absent|throws?|fails?) where\b/, 'if, when'],
  [/\bnull where (?!\w+ (=|<|>|is|in)\b|\w+ [=<>])/, 'null if'],
  [
    /\b(one|once|row|rows|line|lines|most|query|queries|instant|instants|batch|figure|figures) an? (learner|source|partition|topic|record)\b(?! at)/,
    'per learner, per source',
  ],
  [
    /(\b(has a|have a|with a|one|each)|[^a-z ] a) (row|line|page|panel|file|test|column|query) an? (?!day|week)\w+/,
    'one … per …',
  ],
  [/\b(?<!left |leave |leaves |leaving |let |stand)alone\b/, 'only, by itself'],
  [/\b(in vain|without a word|for want|lets? it be|of late|as ever|comes? between)\b/, 'could not …, without …'],
  [
    /\b(nought|naught|aught|lest|whom|whence|thence|hence|albeit|whereby|wherein|thereof|therein|hitherto|upon)\b/,
    'plain words',
  ],
  [/\b(says?|said|saying) of\b|\bknown of\b|\bknow(s|n)? (no|nothing|nobody)\b/, 'describe, contain; not known'],
  [/\b(must|to) bear (repeating|being)\b|\bbears repeating\b/, 'safe to repeat'],
  [/\blets? (us|them|him) in\b/, 'grant or deny access'],
  [/\b(hold|holds|held|holding) \S+( \S+)? against\b/, 'compare with'],
  [/\bbreak(s|ing)? off\b|\bbroken off\b|\bbroke off\b/, 'stop, interrupt'],
  [/\blet(s|ting)? go of\b/, 'release, drop'],
  // The package of that name is not ours, and ours is in no registry.
  [
    /\b(npx|npm (exec|x|i|install|add)|pnpm (dlx|add)|yarn (dlx|add)|bunx)( -(?!-no(-install)? )\S*)* (@seedtest\/)?lastseen(?![\w./-])/,
    '`lastseen`; this may fetch the package of another owner',
  ],
];

export interface Finding {
  readonly line: number;
  readonly word: string;
  readonly instead: string;
}

/** The findings in a text, with lines from 1. A line that quotes the words ends with `words: allow`. */
export function findWords(text: string): readonly Finding[] {
  return text.split('\n').flatMap((line, at) => {
    if (line.includes('words: allow')) return [];
    const words = line.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
    return WORDS.flatMap(([pattern, instead]) => {
      const found = pattern.exec(words);
      return found === null ? [] : [{ line: at + 1, word: found[0], instead }];
    });
  });
}
