import { InvalidArgumentError } from 'commander';

/** Reads names of faults, separated by commas. */
export function readNamesAmong(faults: readonly { readonly name: string }[]): (text: string) => readonly string[] {
  return (text) => {
    const names = text.split(',').map((name) => name.trim());
    const unknown = names.find((name) => !faults.some((fault) => fault.name === name));
    if (unknown !== undefined) throw new InvalidArgumentError(`There is no fault "${unknown}": --list names them.`);
    return names;
  };
}
