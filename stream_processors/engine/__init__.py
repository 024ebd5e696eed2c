"""The engine room: the one place that touches private parts of Faust and aiokafka, each pinned by a contract test."""
