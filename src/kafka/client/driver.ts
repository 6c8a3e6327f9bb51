import kafkajs from 'kafkajs';

/** The driver is CommonJS whose names Node cannot see from a module. */
export const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = kafkajs;
