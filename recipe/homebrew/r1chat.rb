# A formula for Homebrew. There is no released archive yet, so that it builds the newest commit of a
# checkout on this machine:
#   brew tap-new local/r1chat && cp recipe/homebrew/r1chat.rb "$(brew --repo local/r1chat)/Formula"
#   HOMEBREW_R1CHAT_CHECKOUT=$PWD brew install --HEAD local/r1chat/r1chat
class R1chat < Formula
  desc "Chat with distilled R1 models and steer their thinking"
  license "MIT"
  head "file://#{ENV.fetch("HOMEBREW_R1CHAT_CHECKOUT", Dir.pwd)}", using: :git

  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "python@3.13"

  def install
    # pip takes the dependencies from PyPI in the versions that the project locks; only llama.cpp is
    # compiled, and of that no more than r1chat loads.
    ENV["CMAKE_ARGS"] = "-DCMAKE_PROJECT_llama.cpp_INCLUDE=#{buildpath}/scripts/lib/only_llama.cmake"
    system Formula["python@3.13"].opt_bin/"python3.13", "-m", "venv", libexec
    system libexec/"bin/pip", "install", "--constraint", "constraints.txt", ".[serve]"
    bin.install_symlink libexec/"bin/r1chat"
    man1.install_symlink libexec/"share/man/man1/r1chat.1"
    generate_completions_from_executable(bin/"r1chat", "completion", shells: [:bash, :zsh, :fish])
  end

  test do
    assert_match "r1chat", shell_output("#{bin}/r1chat --version")
    assert_match "110", shell_output("#{bin}/r1chat ask -m tiny 'What is 44 + 41 + 25?'")
  end
end
