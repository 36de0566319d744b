/// The published form of result.json.
package enum ResultSchema {
    /// JSON Schema, draft 2020-12.
    package static let text = head + LoadSchema.definitions + rest

    private static let head = #"""
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "lab result.json",
      "description": "The result of one `lab run`. Times are whole nanoseconds; `t` counts from the start of the case's run.",
      "type": "object",
      "additionalProperties": false,
      "required": ["schema", "run", "lab_version", "world", "seed", "totals", "verdicts", "cases"],
      "properties": {
        "schema": {"const": 1, "description": "Raised when a reader of the old form could misread the new one."},
        "revision": {"type": "integer", "minimum": 1, "description": "Raised with each addition; absent in the first."},
        "run": {"type": "string", "description": "The run's id, the name of its folder below runs/."},
        "lab_version": {"type": "string"},
        "world": {"$ref": "#/$defs/world"},
        "seed": {"$ref": "#/$defs/seed"},
        "totals": {
          "description": "Flaky counts as passed; blocked, unproven and quarantined as skipped.",
          "type": "object",
          "additionalProperties": false,
          "required": ["passed", "failed", "skipped"],
          "properties": {"passed": {"$ref": "#/$defs/count"}, "failed": {"$ref": "#/$defs/count"}, "skipped": {"$ref": "#/$defs/count"}}
        },
        "verdicts": {
          "description": "Cases by verdict.",
          "type": "object",
          "propertyNames": {"$ref": "#/$defs/verdict"},
          "additionalProperties": {"$ref": "#/$defs/count"}
        },
        "cases": {"type": "array", "items": {"$ref": "#/$defs/case"}},
        "comparison": {"$ref": "#/$defs/comparison"},
        "history": {"type": "array", "items": {"$ref": "#/$defs/history"}},
        "is_partial": {"const": true, "description": "The run was interrupted, or stopped at the first failure; absent where it came to its end."},
        "resumed": {"type": "string", "description": "The run whose finished cases are among these; their `run` names it."},
        "quarantine": {
          "description": "Entries of the quarantine that concern the run.",
          "type": "array",
          "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["scenario", "owner", "issue", "until", "why", "location", "is_over", "borne"],
            "properties": {
              "scenario": {"type": "string"},
              "owner": {"type": "string"},
              "issue": {"type": "string"},
              "until": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
              "why": {"type": "string"},
              "location": {"$ref": "#/$defs/location"},
              "is_over": {"type": "boolean", "description": "The last day is past, and the run fails."},
              "borne": {"$ref": "#/$defs/count", "description": "Cases that would have failed without it."}
            }
          }
        }
      },
      "$defs": {

    """#

    private static let rest = #"""
        "world": {"enum": ["sim", "emu", "hw"]},
        "seed": {"type": "string", "pattern": "^0x[0-9a-f]{1,16}$"},
        "count": {"type": "integer", "minimum": 0},
        "verdict": {"enum": ["skipped", "pass", "quarantined", "flaky", "unproven", "blocked", "fail"]},
        "text_or_null": {"type": ["string", "null"]},
        "location": {
          "type": "object",
          "additionalProperties": false,
          "required": ["file", "line", "column"],
          "properties": {"file": {"type": "string"}, "line": {"type": "integer"}, "column": {"type": "integer"}}
        },
        "case": {
          "description": "One cell of a scenario.",
          "type": "object",
          "additionalProperties": false,
          "required": [
            "scenario", "file", "about", "tags", "world", "seed", "cell", "cell_text", "deadline_ns", "run", "verdict", "reason",
            "duration_ns", "wall_clock_ns", "event_count", "findings", "limits", "measurements", "timing"
          ],
          "properties": {
            "scenario": {"type": "string"},
            "file": {"type": "string"},
            "about": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "world": {"$ref": "#/$defs/world"},
            "seed": {"$ref": "#/$defs/seed"},
            "cell": {"type": "object", "description": "The values of the matrix."},
            "cell_text": {"type": "string"},
            "deadline_ns": {"$ref": "#/$defs/count"},
            "run": {"type": "string", "description": "The case's folder below runs/."},
            "verdict": {"$ref": "#/$defs/verdict"},
            "reason": {"$ref": "#/$defs/text_or_null"},
            "duration_ns": {"$ref": "#/$defs/count", "description": "On the run's own clock, which is virtual in sim."},
            "timing": {
              "description": "How late the lab's own timers were, in real time; null where time is virtual.",
              "type": ["object", "null"],
              "required": ["timers", "median_ns", "p99_ns", "worst_ns", "speed"],
              "properties": {
                "timers": {"$ref": "#/$defs/count"}, "median_ns": {"$ref": "#/$defs/count"}, "p99_ns": {"$ref": "#/$defs/count"},
                "worst_ns": {"$ref": "#/$defs/count"}, "speed": {"type": "number"}
              },
              "additionalProperties": false
            },
            "wall_clock_ns": {"$ref": "#/$defs/count", "description": "On the machine's clock; 0 where it is not known."},
            "event_count": {"$ref": "#/$defs/count"},
            "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
            "limits": {"type": "array", "items": {"$ref": "#/$defs/limit"}},
            "measurements": {"type": "array", "items": {"$ref": "#/$defs/measurement"}},
            "loads": {"type": "array", "items": {"$ref": "#/$defs/load"}, "description": "Absent where nothing was loaded or probed."},
            "faults": {"type": "array", "items": {"$ref": "#/$defs/fault"}, "description": "Absent where there were none."},
            "oracles": {"type": "array", "items": {"$ref": "#/$defs/oracle"}, "description": "Absent where no oracle had anything to judge."},
            "absences": {"type": "array", "items": {"$ref": "#/$defs/absence"}, "description": "When devices of the bench were off the bus; absent where none was."}
          }
        },
        "absence": {
          "description": "A time that a device of the bench spent off the bus, on the run's clock; until_ns is null where it did not come back.",
          "type": "object",
          "additionalProperties": false,
          "required": ["node", "from_ns", "until_ns"],
          "properties": {
            "node": {"type": "string"},
            "from_ns": {"type": ["integer", "null"]},
            "until_ns": {"type": ["integer", "null"]}
          }
        },
        "oracle": {
          "description": "What a judge of whole runs compared, and what it could not judge; its violations are findings.",
          "type": "object",
          "additionalProperties": false,
          "required": ["oracle", "judged", "violations", "not_judged"],
          "properties": {
            "oracle": {"type": "string"},
            "judged": {"$ref": "#/$defs/count"},
            "violations": {"$ref": "#/$defs/count"},
            "not_judged": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["reason", "count"],
                "properties": {"reason": {"type": "string"}, "count": {"$ref": "#/$defs/count"}}
              }
            }
          }
        },
        "finding": {
          "type": "object",
          "additionalProperties": false,
          "required": ["subject", "verdict", "location", "title", "expected", "reason", "sequence", "node", "nearest"],
          "properties": {
            "subject": {"enum": ["step", "law", "limit", "teardown", "oracle", "lab"]},
            "verdict": {"$ref": "#/$defs/verdict"},
            "location": {"$ref": "#/$defs/location"},
            "title": {"type": "string"},
            "expected": {"type": "string"},
            "reason": {"$ref": "#/$defs/text_or_null"},
            "sequence": {"type": ["integer", "null"], "description": "The event at which it was decided."},
            "node": {"$ref": "#/$defs/text_or_null"},
            "nearest": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["event", "differences", "note"],
                "properties": {
                  "event": {"$ref": "#/$defs/event"},
                  "differences": {"type": "array", "items": {"type": "string"}},
                  "note": {"$ref": "#/$defs/text_or_null"}
                }
              }
            }
          }
        },
        "event": {
          "description": "As a line of events.jsonl.",
          "type": "object",
          "additionalProperties": false,
          "required": ["seq", "t", "node", "event"],
          "properties": {
            "seq": {"type": "integer", "minimum": 1},
            "t": {"$ref": "#/$defs/count"},
            "node": {"type": "string"},
            "event": {"type": "string"},
            "cause": {"type": "integer", "minimum": 1},
            "fields": {"type": "object"}
          }
        },
        "limit": {
          "type": "object",
          "additionalProperties": false,
          "required": [
            "id", "text", "location", "require", "marginal", "min_samples", "verdict", "is_marginal", "figure", "samples", "reason"
          ],
          "properties": {
            "id": {"type": "string"},
            "text": {"$ref": "#/$defs/text_or_null"},
            "location": {"$ref": "#/$defs/location"},
            "require": {"type": "string"},
            "marginal": {"$ref": "#/$defs/text_or_null"},
            "min_samples": {"anyOf": [{"type": ["integer", "null"]}, {"const": "strict"}]},
            "verdict": {"$ref": "#/$defs/verdict"},
            "is_marginal": {"type": "boolean"},
            "figure": {"type": "string"},
            "samples": {"$ref": "#/$defs/count"},
            "reason": {"$ref": "#/$defs/text_or_null"},
            "is_void": {"type": "boolean", "description": "The lab was too slow or the machine too busy to judge."},
            "value": {"$ref": "#/$defs/number_or_null", "description": "The figure of the claim that decided, in the unit of its threshold."},
            "lower": {"$ref": "#/$defs/number_or_null"},
            "upper": {"$ref": "#/$defs/number_or_null"},
            "threshold": {
              "type": ["object", "null"],
              "additionalProperties": false,
              "required": ["value", "unit", "source"],
              "properties": {"value": {"$ref": "#/$defs/number_or_null"}, "unit": {"enum": ["ns", "1", "/s", ""]}, "source": {"type": "string"}}
            },
            "missing_samples": {"type": ["integer", "null"], "minimum": 0},
            "charges": {
              "description": "What each planned event takes of a budget: one of them, and all of the period.",
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["event", "outage_ns", "total_ns"],
                "properties": {"event": {"type": "string"}, "outage_ns": {"$ref": "#/$defs/ns"}, "total_ns": {"$ref": "#/$defs/ns"}}
              }
            }
          }
        },
        "measurement": {
          "type": "object",
          "additionalProperties": false,
          "required": ["name", "t", "value", "unit", "labels"],
          "properties": {
            "name": {"type": "string"},
            "t": {"$ref": "#/$defs/count"},
            "value": {"type": ["number", "null"]},
            "unit": {"enum": ["ns", ""]},
            "labels": {"type": "object"}
          }
        }
      }
    }

    """#
}
