// Publishes outcomes to Kafka directly. It needs kafka-clients alone:
//
//   javac -cp 'kafka-clients-4.3.1.jar:slf4j-api-1.7.36.jar' PublishOutcome.java
//   java  -cp 'kafka-clients-4.3.1.jar:slf4j-api-1.7.36.jar:.' PublishOutcome BOOTSTRAP TOPIC HOST COMPONENT OUTCOME [EVENT_ID]
//
// What matters, in any language: the key is the host's id, so that its events meet in one partition; the partitioner is
// the Java client's default, murmur2 (librdkafka: "partitioner": "murmur2_random"); the producer is idempotent and waits
// for all replicas; an event that is sent again has the same event_id; at most 32 events of a host are on their way.

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

public final class PublishOutcome {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 5) {
            System.err.println("usage: PublishOutcome BOOTSTRAP TOPIC HOST COMPONENT OUTCOME [EVENT_ID]");
            System.exit(2);
        }
        String host = arguments[2];
        String eventId = arguments.length > 5 ? arguments[5] : uuid7().toString();
        String event = "{\"component_id\":" + json(arguments[3])
            + ",\"outcome_type\":" + json(arguments[4])
            + ",\"timestamp\":" + json(Instant.now().truncatedTo(ChronoUnit.MICROS).toString())
            + ",\"context\":\"\""
            + ",\"event_id\":" + json(eventId)
            + ",\"host_id\":" + json(host) + "}";

        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            RecordMetadata place = producer.send(new ProducerRecord<>(arguments[1], host, event)).get();
            System.out.println(eventId + " is in partition " + place.partition() + " at " + place.offset());
        }
    }

    /** A UUID of version 7: the milliseconds, then random bits. */
    static UUID uuid7() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        long high = System.currentTimeMillis() << 16 | 0x7000L | random.nextLong() & 0xFFFL;
        long low = 0x8000000000000000L | random.nextLong() & 0x3FFFFFFFFFFFFFFFL;
        return new UUID(high, low);
    }

    static String json(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char one : text.toCharArray()) {
            if (one == '"' || one == '\\') {
                quoted.append('\\').append(one);
            } else if (one < ' ') {
                quoted.append(String.format("\\u%04x", (int) one));
            } else {
                quoted.append(one);
            }
        }
        return quoted.append('"').toString();
    }
}
