// The least that a program can do to write tokens with llama.cpp: what r1chat is measured against.
//
// Reads a prompt, writes `thought` tokens, evaluates the closing words that r1chat puts between
// thought and answer (in one batch, as r1chat does), and writes `answer` more. It never looks at
// what it writes, so the end-of-text token ends nothing. The clock starts when the first token is
// drawn and stops when the last one would be, as in r1chat's receipt.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "llama.h"

struct plan {
    const char *model;
    const char *prompt; // a file of token ids, one a line
    int context, batch, threads, batch_threads, thought, closing, answer;
    unsigned seed;
    int repack; // whether weights may be laid out again for this processor, as by default
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "bare_loop: %s\n", what);
    exit(1);
}

static void quiet(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static int read_tokens(const char *path, llama_token **tokens) {
    FILE *file = fopen(path, "r");
    if (!file) fail("the file of token ids cannot be read");
    int count = 0, room = 0, token;
    *tokens = NULL;
    while (fscanf(file, "%d", &token) == 1) {
        if (count == room) {
            room = room ? 2 * room : 1024;
            *tokens = realloc(*tokens, (size_t)room * sizeof **tokens);
            if (!*tokens) fail("no memory");
        }
        (*tokens)[count++] = token;
    }
    fclose(file);
    if (!count) fail("the file of token ids is empty");
    return count;
}

static void evaluate(struct llama_context *context, llama_token *tokens, int count, int batch) {
    for (int done = 0; done < count; done += batch) {
        int size = count - done < batch ? count - done : batch;
        if (llama_decode(context, llama_batch_get_one(tokens + done, size))) fail("decode failed");
    }
}

static struct llama_sampler *make_sampler(unsigned seed) {
    struct llama_sampler *chain =
        llama_sampler_chain_init(llama_sampler_chain_default_params());
    llama_sampler_chain_add(chain, llama_sampler_init_top_k(40));
    llama_sampler_chain_add(chain, llama_sampler_init_top_p(0.95f, 1));
    llama_sampler_chain_add(chain, llama_sampler_init_temp(0.6f));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(seed));
    return chain;
}

static void run(const struct plan *plan) {
    llama_token *prompt;
    int length = read_tokens(plan->prompt, &prompt);
    double began = now();
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params weights = llama_model_default_params();
    weights.use_extra_bufts = plan->repack;
    struct llama_model *model = llama_model_load_from_file(plan->model, weights);
    if (!model) fail("the model cannot be loaded");
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t)plan->context;
    params.n_batch = params.n_ubatch = (uint32_t)plan->batch;
    params.n_threads = plan->threads;
    params.n_threads_batch = plan->batch_threads;
    struct llama_context *context = llama_init_from_model(model, params);
    if (!context) fail("no context");
    struct llama_sampler *sampler = make_sampler(plan->seed);
    double loaded = now();

    evaluate(context, prompt, length, plan->batch);
    llama_token token = llama_sampler_sample(sampler, context, -1);
    double first = now();
    puts("first");
    fflush(stdout);
    for (int i = 0; i < plan->thought; i++) {
        evaluate(context, &token, 1, 1);
        token = llama_sampler_sample(sampler, context, -1);
    }
    double thought = now();
    if (plan->closing) {
        llama_token *closing = calloc((size_t)plan->closing, sizeof *closing);
        if (!closing) fail("no memory");
        for (int i = 0; i < plan->closing; i++) closing[i] = prompt[i % length];
        evaluate(context, closing, plan->closing, plan->batch);
        free(closing);
        token = llama_sampler_sample(sampler, context, -1);
    }
    for (int i = 0; i < plan->answer; i++) {
        evaluate(context, &token, 1, 1);
        token = llama_sampler_sample(sampler, context, -1);
    }
    double end = now();
    int written = plan->thought + plan->answer;
    printf("{\"load_s\": %.4f, \"prompt_s\": %.4f, \"write_s\": %.4f, \"thought_s\": %.4f, "
           "\"tokens_per_s\": %.4f}\n",
           loaded - began, first - loaded, end - first, thought - first,
           written / (end - first));
    llama_sampler_free(sampler);
    llama_free(context);
    llama_model_free(model);
    free(prompt);
}

int main(int argc, char **argv) {
    if (argc != 12) {
        fail("usage: bare_loop MODEL PROMPT_IDS CONTEXT BATCH THREADS BATCH_THREADS THOUGHT "
             "CLOSING ANSWER SEED REPACK");
    }
    struct plan plan = {
        .model = argv[1],
        .prompt = argv[2],
        .context = atoi(argv[3]),
        .batch = atoi(argv[4]),
        .threads = atoi(argv[5]),
        .batch_threads = atoi(argv[6]),
        .thought = atoi(argv[7]),
        .closing = atoi(argv[8]),
        .answer = atoi(argv[9]),
        .seed = (unsigned)strtoul(argv[10], NULL, 10),
        .repack = atoi(argv[11]),
    };
    run(&plan);
    return 0;
}
