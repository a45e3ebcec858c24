# Run at build time (cmake -P): writes builtin_rules.cpp with the rule files that `wishart check` judges by, so that
# they and jobs/gate-*.cfg cannot differ.
foreach(kind finetune lora compression)
  file(READ "${SOURCE_DIR}/jobs/gate-${kind}.cfg" rules)
  string(TOUPPER "${kind}" name)
  set(RULES_${name} "R\"rules(${rules})rules\"")
endforeach()
configure_file("${SOURCE_DIR}/src/job/commands/builtin_rules.cpp.in" "${OUTPUT}" @ONLY)
