/// The parts of the schema of result.json that are about loads.
enum LoadSchema {
    /// Entries of `$defs`.
    static let definitions = #"""
        "ns": {"type": "integer", "description": "Whole nanoseconds."},
        "number_or_null": {"type": ["number", "null"]},
        "fault": {
          "description": "A fault's time on the run's clock; without an end it lasted to the end of the run.",
          "type": "object",
          "additionalProperties": false,
          "required": ["name", "start_ns", "end_ns"],
          "properties": {"name": {"type": "string"}, "start_ns": {"$ref": "#/$defs/ns"}, "end_ns": {"type": ["integer", "null"]}}
        },
        "spectrum": {
          "description": "Percentiles, ascending: `thousandths` of a percent, so 99950 is p99.95; `value_ns` is null where the percentile lands on an item without an answer.",
          "type": "object",
          "additionalProperties": false,
          "required": ["samples", "points"],
          "properties": {
            "samples": {"$ref": "#/$defs/count"},
            "points": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["thousandths", "value_ns"],
                "properties": {"thousandths": {"type": "integer", "minimum": 0, "maximum": 100000}, "value_ns": {"type": ["integer", "null"]}}
              }
            }
          }
        },
        "load": {
          "description": "What one load came to. Response counts from the plan, service from the sending, floor is the same plan against a target that does nothing.",
          "type": "object",
          "additionalProperties": false,
          "required": [
            "id", "location", "text", "start_ns", "end_ns", "measured_from_ns", "is_modelled", "counts", "response", "service", "floor", "parts", "heat",
            "hops", "raster", "harness", "cloud_cpu_ns", "lab_cpu_ns"
          ],
          "properties": {
            "id": {"type": "string"},
            "location": {"$ref": "#/$defs/location"},
            "text": {"type": "string"},
            "start_ns": {"$ref": "#/$defs/ns"},
            "end_ns": {"$ref": "#/$defs/ns"},
            "measured_from_ns": {"$ref": "#/$defs/ns", "description": "Items planned before are warm-up."},
            "is_modelled": {"type": "boolean", "description": "Times are those of a model, not of a machine."},
            "counts": {
              "type": "object",
              "additionalProperties": false,
              "required": ["planned", "warmup", "sent", "good", "refused", "unanswered", "lost", "duplicates", "out_of_order"],
              "properties": {
                "planned": {"$ref": "#/$defs/count"}, "warmup": {"$ref": "#/$defs/count"}, "sent": {"$ref": "#/$defs/count"},
                "good": {"$ref": "#/$defs/count"}, "refused": {"$ref": "#/$defs/count"}, "unanswered": {"$ref": "#/$defs/count"},
                "lost": {"$ref": "#/$defs/count"}, "duplicates": {"$ref": "#/$defs/count"}, "out_of_order": {"$ref": "#/$defs/count"}
              }
            },
            "response": {"$ref": "#/$defs/spectrum"},
            "service": {"$ref": "#/$defs/spectrum"},
            "floor": {"anyOf": [{"$ref": "#/$defs/spectrum"}, {"type": "null"}]},
            "parts": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["label", "value", "samples", "p50_ns", "p99_ns", "refused"],
                "properties": {
                  "label": {"type": "string"}, "value": {"type": "string"}, "samples": {"$ref": "#/$defs/count"},
                  "p50_ns": {"type": ["integer", "null"]}, "p99_ns": {"type": ["integer", "null"]}, "refused": {"$ref": "#/$defs/count"}
                }
              }
            },
            "heat": {
              "description": "counts[column][row]; the row after the last bound holds items without an answer.",
              "type": "object",
              "additionalProperties": false,
              "required": ["start_ns", "column_ns", "bounds_ns", "counts", "planned"],
              "properties": {
                "start_ns": {"$ref": "#/$defs/ns"}, "column_ns": {"$ref": "#/$defs/ns"},
                "bounds_ns": {"type": "array", "items": {"$ref": "#/$defs/ns"}},
                "counts": {"type": "array", "items": {"type": "array", "items": {"$ref": "#/$defs/count"}}},
                "planned": {"type": "array", "items": {"$ref": "#/$defs/count"}}
              }
            },
            "hops": {
              "type": ["object", "null"],
              "additionalProperties": false,
              "required": ["slowest_count", "hops"],
              "properties": {
                "slowest_count": {"$ref": "#/$defs/count"},
                "hops": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["place", "name", "p50_ns", "p99_ns", "median_ns", "slowest_ns"],
                    "properties": {
                      "place": {"enum": ["planned", "made", "sent", "accepted", "received", "handled", "committed", "answered", "seen"]},
                      "name": {"type": "string"}, "p50_ns": {"$ref": "#/$defs/ns"}, "p99_ns": {"$ref": "#/$defs/ns"},
                      "median_ns": {"$ref": "#/$defs/ns"}, "slowest_ns": {"$ref": "#/$defs/number_or_null"}
                    }
                  }
                }
              }
            },
            "raster": {
              "description": "A text for each row: `.` nothing due, `g` good, `l` late, `r` refused, `x` lost.",
              "type": ["object", "null"],
              "additionalProperties": false,
              "required": ["start_ns", "column_ns", "members_per_row", "rows"],
              "properties": {
                "start_ns": {"$ref": "#/$defs/ns"}, "column_ns": {"$ref": "#/$defs/ns"}, "members_per_row": {"$ref": "#/$defs/count"},
                "rows": {"type": "array", "items": {"type": "string", "pattern": "^[.glrx]*$"}}
              }
            },
            "harness": {
              "description": "How well the lab itself kept the plan; null where time is virtual.",
              "type": ["object", "null"],
              "additionalProperties": false,
              "required": [
                "send_lag_p50_ns", "send_lag_p99_ns", "send_lag_worst_ns", "wake_p99_ns", "loader_cpu", "foreign_cpu", "plan_kept", "clock_steps"
              ],
              "properties": {
                "send_lag_p50_ns": {"$ref": "#/$defs/ns"}, "send_lag_p99_ns": {"$ref": "#/$defs/ns"}, "send_lag_worst_ns": {"$ref": "#/$defs/ns"},
                "wake_p99_ns": {"$ref": "#/$defs/ns"}, "loader_cpu": {"$ref": "#/$defs/number_or_null"}, "foreign_cpu": {"$ref": "#/$defs/number_or_null"},
                "plan_kept": {"$ref": "#/$defs/number_or_null"}, "clock_steps": {"$ref": "#/$defs/count"},
                "refused_descriptors": {"$ref": "#/$defs/count", "description": "Connections that could not be opened for want of descriptors; absent where there were none."}
              }
            },
            "cloud_cpu_ns": {"$ref": "#/$defs/number_or_null", "description": "For each answered item."},
            "lab_cpu_ns": {"$ref": "#/$defs/number_or_null"}
          }
        },
        "comparison": {
          "description": "Build b beside build a, in interleaved pairs of one session.",
          "type": "object",
          "additionalProperties": false,
          "required": ["a", "b", "rows", "self_test"],
          "properties": {
            "a": {"type": "string"},
            "b": {"type": "string"},
            "rows": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": [
                  "objective", "location", "metric", "pairs", "ratio", "lower", "upper", "effect", "a", "b", "unit", "p", "adjusted", "outcome", "reason"
                ],
                "properties": {
                  "objective": {"type": "string"}, "location": {"anyOf": [{"$ref": "#/$defs/location"}, {"type": "null"}]}, "metric": {"type": "string"},
                  "pairs": {"$ref": "#/$defs/count"}, "ratio": {"$ref": "#/$defs/number_or_null"}, "lower": {"$ref": "#/$defs/number_or_null"},
                  "upper": {"$ref": "#/$defs/number_or_null"}, "effect": {"$ref": "#/$defs/number_or_null"}, "a": {"$ref": "#/$defs/number_or_null"},
                  "b": {"$ref": "#/$defs/number_or_null"}, "unit": {"enum": ["ns", "share", "/s", ""]}, "p": {"$ref": "#/$defs/number_or_null"}, "adjusted": {"$ref": "#/$defs/number_or_null"},
                  "outcome": {"enum": ["regressed", "improved", "same", "cannot tell", "void"]}, "reason": {"$ref": "#/$defs/text_or_null"}
                }
              }
            },
            "self_test": {
              "description": "The gate's own false alarms, from comparing a build with itself.",
              "type": ["object", "null"],
              "additionalProperties": false,
              "required": ["comparisons", "alarms", "smallest_effect"],
              "properties": {
                "comparisons": {"$ref": "#/$defs/count"}, "alarms": {"$ref": "#/$defs/count"}, "smallest_effect": {"$ref": "#/$defs/number_or_null"}
              }
            }
          }
        },
        "history": {
          "description": "A metric over the last runs; `index` of a change is its first point of the new level.",
          "type": "object",
          "additionalProperties": false,
          "required": ["metric", "unit", "points", "changes"],
          "properties": {
            "metric": {"type": "string"},
            "unit": {"type": "string"},
            "points": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["run", "label", "value"],
                "properties": {"run": {"type": "string"}, "label": {"type": "string"}, "value": {"$ref": "#/$defs/number_or_null"}}
              }
            },
            "changes": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["index", "before", "after", "p", "is_confirmed"],
                "properties": {
                  "index": {"$ref": "#/$defs/count"}, "before": {"$ref": "#/$defs/number_or_null"}, "after": {"$ref": "#/$defs/number_or_null"},
                  "p": {"$ref": "#/$defs/number_or_null"}, "is_confirmed": {"type": "boolean"}
                }
              }
            }
          }
        },

    """#
}
