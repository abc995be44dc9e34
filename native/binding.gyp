{
  "targets": [
    {
      "target_name": "netifspec_native",
      "sources": [
        "src/addon.cc",
        "src/args.cc",
        "src/dl.cc",
        "src/error.cc",
        "src/events.cc",
        "src/foreign.cc",
        "src/grants.cc",
        "src/loop.cc",
        "src/page.cc",
        "src/store.cc",
        "src/store_thread.cc",
        "src/tap.cc"
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")"],
      # NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS: an event may arrive while a worker is being ended, when its environment
      # accepts no calls and no exceptions any more; that must not abort the process.
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_CPP_EXCEPTIONS_ALL",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++17", "-fexceptions", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "conditions": [
        ["OS=='linux'", { "libraries": ["-ldl", "-lpthread"], "ldflags": ["-Wl,-z,nodelete"] }],
        ["OS=='mac'", { "xcode_settings": { "GCC_ENABLE_CPP_EXCEPTIONS": "YES", "CLANG_CXX_LANGUAGE_STANDARD": "c++17" } }]
      ]
    }
  ]
}
