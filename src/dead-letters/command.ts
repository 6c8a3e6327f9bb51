import type { Command } from 'commander';
import { addDlqList } from './list-command.ts';
import { addDlqRedrive } from './redrive-command.ts';
import { addDlqShow } from './show-command.ts';

/** `dlq list`, `dlq show` and `dlq redrive`. */
export function addDlq(program: Command): void {
  const dlq = program.command('dlq').description('list dead letters, show one, and send them back');
  for (const add of [addDlqList, addDlqShow, addDlqRedrive]) add(dlq);
}
