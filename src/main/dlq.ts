import type { Command } from 'commander';
import { addDlqList } from './dlq-list.ts';
import { addDlqRedrive } from './dlq-redrive.ts';
import { addDlqShow } from './dlq-show.ts';

/** `dlq list`, `dlq show` and `dlq redrive`. */
export function addDlq(program: Command): void {
  const dlq = program.command('dlq').description('list dead letters, show one, and send them back');
  for (const add of [addDlqList, addDlqShow, addDlqRedrive]) add(dlq);
}
