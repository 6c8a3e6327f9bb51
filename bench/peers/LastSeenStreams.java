import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;

/**
 * The last-seen table as a Kafka Streams application keeps it: change records, keyed by row, are keyed by learner,
 * repartitioned, and reduced to the latest instant in a RocksDB store with its changelog.
 *
 * Arguments: brokers, registry, topic, application id, state directory, records to read, file for the table, threads. Prints
 * the time of the last reduced record in ms since the epoch.
 */
public final class LastSeenStreams {
  private static final String STORE = "last-seen";

  public static void main(String[] args) throws Exception {
    String registry = args[1];
    String topic = args[2];
    long records = Long.parseLong(args[5]);

    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[3]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(args[7]));
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L * 1024 * 1024);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 131072);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");

    Map<Integer, GenericDatumReader<GenericRecord>> readers = new ConcurrentHashMap<>();
    ThreadLocal<BinaryDecoder> decoders = new ThreadLocal<>();
    AtomicLong reduced = new AtomicLong();
    AtomicLong reducedAt = new AtomicLong();
    CountDownLatch done = new CountDownLatch(1);

    StreamsBuilder builder = new StreamsBuilder();
    builder
        .stream(topic, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .map((key, value) -> {
          GenericDatumReader<GenericRecord> reader =
              readers.computeIfAbsent(ByteBuffer.wrap(value, 1, 4).getInt(), (id) -> readerOf(registry, id));
          BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, decoders.get());
          decoders.set(decoder);
          try {
            GenericRecord after = (GenericRecord) reader.read(null, decoder).get("after");
            Instant at = Instant.parse(after.get("ended_at").toString());
            return KeyValue.pair(after.get("user_id").toString(), ChronoUnit.MICROS.between(Instant.EPOCH, at));
          } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
          }
        })
        .repartition(Repartitioned.with(Serdes.String(), Serdes.Long()).withName("by-learner"))
        .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
        .aggregate(
            () -> Long.MIN_VALUE,
            (learner, at, latest) -> {
              if (reduced.incrementAndGet() == records) {
                reducedAt.set(System.currentTimeMillis());
                done.countDown();
              }
              return Math.max(at, latest);
            },
            Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as(STORE)
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.Long()));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.start();
    done.await();
    var query = StoreQueryParameters.fromNameAndType(STORE, QueryableStoreTypes.<String, Long>keyValueStore());
    try (PrintWriter table = new PrintWriter(Files.newBufferedWriter(Path.of(args[6]), StandardCharsets.UTF_8));
        var rows = streams.store(query).all()) {
      rows.forEachRemaining((row) -> table.println(row.key + "\t" + row.value));
    }
    System.out.println("{\"endedAt\":" + reducedAt.get() + "}");
    streams.close(Duration.ofSeconds(20));
    System.exit(0);
  }

  /** Reads only the two columns in use and skips the rest of the envelope. */
  private static GenericDatumReader<GenericRecord> readerOf(String registry, int id) {
    try {
      HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).build();
      String body = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
      Schema writer = new Schema.Parser().parse(new ObjectMapper().readTree(body).get("schema").asText());
      Schema row = null;
      for (Schema branch : writer.getField("after").schema().getTypes()) {
        if (branch.getType() == Schema.Type.RECORD) row = branch;
      }
      String column = "\"type\":[\"null\",\"string\"],\"default\":null";
      Schema reader = new Schema.Parser().parse(
          "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"" + writer.getNamespace() + "\",\"fields\":["
              + "{\"name\":\"after\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"" + row.getName()
              + "\",\"fields\":[{\"name\":\"user_id\"," + column + "},{\"name\":\"ended_at\"," + column
              + "}]}],\"default\":null}]}");
      return new GenericDatumReader<>(writer, reader);
    } catch (java.io.IOException | InterruptedException error) {
      throw new IllegalStateException("no schema " + id, error);
    }
  }
}
