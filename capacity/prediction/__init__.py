"""From a calibration to what so many people will meet: throughput, utilisation, latencies, the knee; and its error."""
