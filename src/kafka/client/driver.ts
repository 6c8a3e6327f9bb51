import kafkajs from 'kafkajs';

/**
 * The driver is a CommonJS package whose named exports Node does not detect (tulios/kafkajs#1391).
 * Can go when it has an ES module.
 */
export const {
  AssignerProtocol,
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  Partitioners,
  logLevel,
} = kafkajs;
