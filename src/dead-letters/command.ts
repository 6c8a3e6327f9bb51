import type { Command } from 'commander';
import { addDlqDiscard } from './discard-command.ts';
import { addDlqList } from './list-command.ts';
import { addDlqRedrive } from './redrive-command.ts';
import { addDlqShow } from './show-command.ts';

export function addDlq(program: Command): void {
  const dlq = program
    .command('dlq')
    .description('list and show dead letters, send them back to their topics, or discard them');
  for (const add of [addDlqList, addDlqShow, addDlqRedrive, addDlqDiscard]) add(dlq);
}
