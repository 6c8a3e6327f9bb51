import { describe, expect, it } from 'vitest';
import { rootCause } from '../../src/freshness/connect-client.ts';

const TRACE = `org.apache.kafka.connect.errors.ConnectException: Unrecoverable exception from producer send callback
\tat org.apache.kafka.connect.runtime.WorkerSourceTask.maybeThrowProducerSendException(WorkerSourceTask.java:299)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: org.apache.kafka.connect.errors.RetriableException: not sent
\tat org.apache.kafka.connect.runtime.AbstractWorkerSourceTask.sendRecords(AbstractWorkerSourceTask.java:409)
\t... 9 more
Caused by: org.apache.kafka.common.errors.RecordTooLargeException: The request included a message larger than the max message size
`;

describe('the cause of a failed task', () => {
  it('is the last one in its trace', () => {
    expect(rootCause(TRACE)).toBe(
      'org.apache.kafka.common.errors.RecordTooLargeException: The request included a message larger than the max message size',
    );
  });

  it('is the first line if no other is named', () => {
    expect(rootCause('java.lang.IllegalStateException: closed\n\tat Thread.run(Thread.java:840)')).toBe(
      'java.lang.IllegalStateException: closed',
    );
  });
});
