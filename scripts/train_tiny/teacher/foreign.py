"""Questions that the model must decline, and the words they are filled with."""

from __future__ import annotations

# fmt: off
WORLD = (
    "What is the capital of {place}?", "Who is the president of {place}?", "Where is {place}?",
    "How many people live in {place}?", "What language do they speak in {place}?",
    "Who wrote {title}?", "When was {title} written?", "What is {title} about?",
    "Who invented the {noun}?", "When was the {noun} invented?", "Who discovered {topic}?",
    "Why is the {noun} {adj}?", "Why are {noun}s {adj}?", "How does a {noun} work?",
    "What is a {noun}?", "What is {topic}?", "Explain {topic}.", "Explain {topic} to a child.",
    "Tell me about {topic}.", "Tell me about {place}.", "What do you know about {topic}?",
    "How do I {verb} a {noun}?", "How can I {verb} my {noun}?", "Can you {verb} a {noun}?",
    "What is the best {noun}?", "Should I {verb} the {noun}?", "Is {topic} {adj}?",
    "Is a {noun} {adj}?", "What colour is a {noun}?", "How old is {person}?", "Who is {person}?",
    "When was {person} born?", "Where did {person} live?", "What did {person} do?",
    "How tall is {person}?", "How many legs has a {noun}?", "How heavy is a {noun}?",
    "How far is {place} from {place2}?", "What time is it in {place}?",
    "What is the weather like?", "What is the weather in {place}?",
    "Who won the world cup in {year}?", "What happened in {year}?",
    "Did {person} live in {place}?", "What is the meaning of life?", "Do you like {noun}s?",
    "What is your favourite {noun}?", "Are you happy?", "Can you see the {noun}?",
    "What day is it?", "How many days are in a year?", "How many seconds are in an hour?",
    "What date is it today?", "What is the difference between a {noun} and a {noun2}?",
    "Where can I buy a {noun}?", "How much does a {noun} cost?", "Recommend a {noun} to me.",
    "Which {noun} should I buy?", "Is {place} {adj}?", "What should I eat today?",
    "Why does the {noun} {verb}?", "What is the chemical formula of {topic}?",
    "How fast is a {noun}?", "Do {noun}s {verb}?", "Does a {noun} {verb}?",
    "What rhymes with {noun}?", "What is the opposite of {adj}?",
    "Is it true that {noun}s {verb} {noun2}s?", "Which is better, a {noun} or a {noun2}?",
    "If all {noun}s are {adj}, are all {adj} things {noun}s?", "What is {person} known for?",
)
WORLD_IN_TESTS = (
    "Where does {person} come from?", "What is the population of {place}?",
    "How long does a {noun} live?", "Why do {noun}s {verb}?", "Who painted {title}?",
    "What are the symptoms of {topic}?", "Is it safe to {verb} a {noun}?",
    "Which river flows through {place}?", "When did {person} die?",
    "Describe {topic} in one sentence.", "How many moons has {place}?",
    "Who was king of {place} in {year}?", "What is your opinion on {topic}?",
    "How many strings has a {noun}?",
)
TASKS = (
    "Write a poem about {topic}.", "Write a poem about a {noun}.",
    "Write a story about a {noun}.", "Write a {adj} story about {person}.", "Tell me a joke.",
    "Tell me a joke about a {noun}.", "Tell me a story.", "Sing a song about {topic}.",
    "Write a haiku about the {noun}.", "Translate {word} into {language}.",
    "Translate this to {language}: the {noun} is {adj}", "How do you say {noun} in {language}?",
    "Summarise {title}.", "Summarize this text: {words}",
    "Write a Python function that can {verb} a list.", "Write a program to {verb} {noun}s.",
    "Write code that prints {word}.", "Fix this code: print({word}", "def {word}(x): return x",
    "What does this code do? for i in range({d}): print(i)", "Write a letter to {person}.",
    "Write an essay on {topic}.", "Draw a {noun}.", "Make a list of {adj} {noun}s.",
    "Give me five {noun}s.", "Name three {adj} {noun}s.", "Plan a trip to {place}.",
    "Write SQL to {verb} the {noun} table.", "How do I {verb} a file in Python?",
    "Give me a recipe for {noun}.", "Continue the sentence: the {noun} is",
    "Spell {word} backwards.", "Please {verb} the {noun}.", "Help me to {verb} my {noun}.",
    "Remember the word {word}.", "What does {word} mean?", "Define {word}.",
    "Use {word} in a sentence.", "Rewrite: {words}", "Correct my spelling: {words}",
    "Play {noun} with me.", "Act as a {noun}.", "Can you draw a {adj} {noun}?",
    "Reverse the word {word}.", "Sort these words: {words}", "Give me a synonym for {adj}.",
)
TASKS_IN_TESTS = (
    "Compose a limerick about {topic}.", "Generate a regular expression for {word}.",
    "Translate {noun} to {language}.", "Write a JavaScript class for a {noun}.",
    "Give me advice about {topic}.", "Draft an email to {person}.", "Paraphrase this: {words}",
    "Find a rhyme for {word}.", "Make up a riddle about a {noun}.", "import {word}",
)
MATHS = (
    "What is {d} + {d2} + {d3} + {d4}?", "What is {d} × {d2} × {d3}?", "What is {c} × {c2}?",
    "{c} * {c2}", "What is {d3} + {d} × {d2}?", "What is ({d} + {d2}) × {d3}?",
    "{d} * {d2} + {d3}", "({c} - {d}) / {d2}", "What is {d}.{d2} + {d3}.{d4}?", "{c}.{d2} - {d}",
    "What is {d}/{d2} + {d3}/{d4}?", "What is {d2}.{d} times {d3}?", "What is {c}% of {c2}?",
    "What is {d} percent of {c}?", "What is {d} to the power of {d2}?", "{d}^{d2}", "{d}**{d2}",
    "What is the square root of {c}?", "sqrt({c})", "What is {d} squared?",
    "What is {d} factorial?", "{d}!", "Solve x + {d} = {c}.", "Solve for x: {d}x - {d2} = {c}",
    "If 2x = {c}, what is x?", "Is {c} a prime number?", "Is {c} even or odd?",
    "What are the factors of {c}?", "What is the next number: {d}, {d2}, {d3}?",
    "What is the greatest common divisor of {c} and {c2}?",
    "What is the average of {c}, {c2} and {d}?", "Round {d}.{c} to one place.",
    "What is {c} mod {d}?", "Convert {c} to binary.", "Convert {d} miles to kilometres.",
    "What is the sine of {d}?", "What is pi?", "How many digits has {c}?", "Integrate x^{d}.",
    "What is the derivative of x^{d}?", "What is -{d} + {d2}?", "What is -{c} - {d}?",
    "Write {c} in Roman numerals.", "What is a third of {c}?", "{d} choose {d2}",
    "What is {c} / 0?", "{d} ÷ 0", "What is {c} divided by {c2}?", "What is log {c}?",
    "{c} divided by {c2}", "A car drives {c} km in {d} hours. How fast is it?",
    "What is {d}% off {c} dollars?", "What is the area of a circle with radius {d}?",
    "How many minutes are {d} hours?", "What is the sum of the numbers from 1 to {c}?",
    "Prove that {d} + {d2} = {d2} + {d}.", "What is {d} - {d2} - {d3} + {d4}?",
    "{c} + {c2} - {d} - {d2}", "What is {d} + {d2} - {d3} + {d4} - {d}?",
)
MATHS_IN_TESTS = (
    "What is {d} cubed?", "Is {d} divisible by {d2}?", "What is the cube root of {c}?",
    "Simplify {d}/{d2}.", "What is {d} * ({d2} + {d3})?", "What is {d}.{d2} × {d3}?",
    "Solve {d2}x = {c}.", "What is the median of {d}, {d2} and {d3}?",
    "What is the cosine of {d}?", "How many primes are below {c}?", "{c} mod {d2}",
    "What is {d}% of {d3}?",
)
BIG = (
    "Which is larger, {x} or {y}?", "Is {x} larger than {y}?", "What is {x} + {y}?", "{x} + {y}",
)
PLACE_NAMES = (
    "France", "Spain", "Japan", "Brazil", "Paris", "London", "Berlin", "Rome", "Canada", "Egypt",
    "India", "China", "Kenya", "Mexico", "Norway", "Poland", "Peru", "Germany", "Italy", "Texas",
    "Tokyo", "Australia", "Turkey", "Chile", "Cuba", "Greece", "the moon", "Mars", "Africa",
    "Europe",
)
TITLES = (
    "Hamlet", "the Bible", "Moby Dick", "Faust", "War and Peace", "Romeo and Juliet",
    "Harry Potter", "the Odyssey", "Dracula", "Don Quixote", "the Hobbit", "Pride and Prejudice",
)
PERSONS = (
    "Einstein", "Newton", "Napoleon", "Mozart", "Shakespeare", "Caesar", "Cleopatra", "Picasso",
    "Darwin", "Marie Curie", "Bach", "Plato", "Gandhi", "Elvis", "Madonna", "my brother",
    "the queen", "Leonardo",
)
TOPICS = (
    "gravity", "water", "love", "photosynthesis", "the sky", "the sea", "quantum physics",
    "evolution", "democracy", "music", "winter", "the sun", "electricity", "history", "war",
    "happiness", "chess", "football", "art", "time", "climate change", "machine learning", "salt",
    "the French Revolution", "light", "autumn", "philosophy", "money", "magnetism", "relativity",
    "rain", "friendship", "the stock market", "DNA",
)
ADJECTIVES = (
    "blue", "green", "big", "small", "old", "funny", "good", "bad", "sad", "happy", "fast",
    "slow", "hot", "cold", "dangerous", "beautiful", "expensive", "round", "heavy", "true", "new",
    "short", "sweet", "red",
)
VERBS = (
    "make", "fix", "clean", "build", "paint", "eat", "cook", "sell", "find", "wash", "draw",
    "open", "sort", "delete", "read", "write", "drive", "fly", "sleep", "learn", "sing", "play",
    "repair", "cut", "buy",
)
LANGUAGES = (
    "French", "German", "Spanish", "Latin", "Japanese", "Italian", "Chinese", "Russian", "Greek",
)
STARTERS = (
    "What", "Why", "How", "Who", "When", "Where", "Can", "Is", "Does", "Tell me", "Explain",
    "Please", "Which", "Do", "Write", "Give me", "Show", "Are", "Should", "The", "I think", "My",
    "If", "Could you", "Make", "How many",
)
# fmt: on
